"""Run: starting In Touch, its demo, and bringing its database up to date."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading

import typer

from intouch import app as application
from intouch import logs, settings
from intouch.cli.running import plainly
from intouch.cli.saying import AsJson, Done
from intouch.demo import server
from intouch.storage import upgrade

# Ten seconds were promised to whoever sends SIGTERM.
LONGEST_FAREWELL = 9.6

database = typer.Typer(no_args_is_help=True)


def run(
    only: str = typer.Option("", help="Parts to run, separated by commas: bot, web, schedule, sender. All of them by default."),
) -> None:
    """Run bot, web pages, scheduler and sender together until SIGTERM or Ctrl-C.

    Example: intouch run --only bot,sender
    """
    # Whatever hangs (a disk, a library's thread), the process ends: all that matters is in rows, and goes on at the next start.
    watchdog = threading.Timer(LONGEST_FAREWELL, os._exit, (0,))
    watchdog.daemon = True
    try:
        with plainly():
            parts = application.parse_parts(only)
            chosen = settings.load()
            logs.configure(chosen.log_level, chosen.log_json)
            asyncio.run(_run(application.Application(chosen, parts=parts), watchdog))
    finally:
        watchdog.cancel()


async def _run(running: application.Application, watchdog: threading.Timer) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        await running.start()
        await stopping.wait()
    finally:
        watchdog.start()
        await running.stop()


def demo(port: int = typer.Option(8000, envvar="PORT", help="Port of the demo page.")) -> None:
    """Run the whole platform with a simulated Telegram and a mailbox, and an invented network of residents.

    Every start is a fresh council: nothing of the last one is kept.

    Example: intouch demo --port 8080
    """
    with contextlib.suppress(KeyboardInterrupt), plainly():
        server.run(port)


@database.command("upgrade")
def upgrade_database(as_json: AsJson = False) -> None:
    """Bring the database to the tables this version needs; safe to run again.

    Example: intouch db upgrade
    """

    async def work() -> Done:
        chosen = settings.load()
        runtime = application.build_runtime(chosen)
        try:
            before = await upgrade.current(runtime.sessions.engine)
            await upgrade.upgrade(runtime.sessions.engine)
        finally:
            await runtime.sessions.close()
        newest = upgrade.newest()
        sentence = f"The database is at {newest}." if before == newest else f"Upgraded to {newest}."
        return Done(sentence, {"before": before, "now": newest})

    with plainly():
        done = asyncio.run(work())
    done.tell(as_json=as_json)
