"""Demo: starting the whole platform with a council to play with."""

from __future__ import annotations

import contextlib

import typer

from intouch.cli.running import plainly
from intouch.demo import server


def demo(port: int = typer.Option(8000, envvar="PORT", min=1, max=65535, help="Port of the demo page.")) -> None:
    """Run the whole platform with a simulated Telegram and a mailbox, and an invented network of residents.

    Every start is a fresh council: nothing of the last one is kept.

    Example: intouch demo --port 8080
    """
    with contextlib.suppress(KeyboardInterrupt), plainly():
        server.run(port)
