"""Run: starting In Touch, and ending it in time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from typing import Protocol

import typer
import uvloop

from intouch import logs, settings
from intouch.cli.running import plainly
from intouch.loading import load
from intouch.parts import parse_parts
from intouch.runtime import Runtime
from intouch.storage.sessions import Sessions

log = logs.get("app")

# Ten seconds were promised to whoever sends SIGTERM.
LONGEST_FAREWELL = 9.6
LOOK_EVERY = 1.0  # seconds


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
            parts = parse_parts(only)
            chosen = settings.load()
            logs.configure(chosen.log_level, chosen.log_json)
            uvloop.run(_run(_built(chosen, parts), watchdog))
    finally:
        watchdog.cancel()


class Running(Protocol):
    """What a process consists of."""

    @property
    def runtime(self) -> Runtime: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


def _built(chosen: settings.Settings, parts: tuple[str, ...]) -> Running:
    """The whole, or the sender alone, which then carries neither web pages nor bot: a third less memory."""
    built: Running = load("intouch.sender:Sender")(chosen) if parts == ("sender",) else load("intouch.app:Application")(chosen, parts=parts)
    return built


async def _run(running: Running, watchdog: threading.Timer) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        await running.start()
        await _watch(running.runtime.sessions, stopping)
    finally:
        watchdog.start()
        await running.stop()


async def _watch(sessions: Sessions, stopping: asyncio.Event) -> None:
    """Until ``stopping``; raises ``InTouchError`` when the database's file was replaced."""
    was_there = True
    while not stopping.is_set():
        is_there = sessions.look_at_file()
        if was_there and not is_there:
            log.error("database.file_gone", advice="put it back; what is stored until then is lost when In Touch stops")
        was_there = is_there
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), LOOK_EVERY)
