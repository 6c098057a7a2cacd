"""The commands: what all of them have in common, and the start of every process of ours."""

from __future__ import annotations

import gc

from intouch import allocator

allocator.be_frugal()
# Modules stay for good: looking for garbage among them while they load took a quarter of every start.
gc.disable()

import typer

from intouch import __version__
from intouch.cli.rooms import House

gc.freeze()
# A batch of deliveries is not garbage: looking after every 700 objects cost a sender a tenth of its pace; after 50,000, some memory.
gc.set_threshold(10_000, 20, 20)
gc.enable()

app = typer.Typer(
    cls=House,
    help="In Touch: a council's two-way line to its residents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"intouch {__version__}")
        raise typer.Exit


@app.callback()
def main(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version.")) -> None:
    """In Touch: a council's two-way line to its residents."""
