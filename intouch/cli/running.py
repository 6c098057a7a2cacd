"""Running: how a command gets its runtime, and how its errors are told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import typer

from intouch import logs, settings
from intouch.cli.saying import fail
from intouch.errors import InTouchError
from intouch.runtime import Runtime, build_runtime
from intouch.storage import revision, troubles

log = logs.get("cli")

Result = TypeVar("Result")


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    """Whatever goes wrong inside is told in one line and ends the command with 1; only a bug leaves its traceback in the log."""
    _fill_closed_streams()
    # Before the settings tell how: what is not set up would draw a bug with every local variable, and so with what people wrote.
    logs.configure("warning")
    try:
        yield
    except (InTouchError, typer.Exit, typer.Abort) as error:
        raise fail(error) if isinstance(error, InTouchError) else error from None
    except Exception as error:
        if told := troubles.sentence(error):
            raise fail(InTouchError(told)) from None
        number = secrets.token_hex(4)
        log.exception("cli.failed", id=number)
        raise fail(InTouchError(f"Something is wrong in In Touch itself; the log above tells what, under {number}.")) from None


def _fill_closed_streams() -> None:
    """Where who started us closed a standard stream (``<&-``), a socket would get its number, and libuv aborts when it closes that."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)


def with_runtime(work: Callable[[Runtime], Awaitable[Result]]) -> Result:
    """Build the runtime from the settings, make the database ready, do ``work``, and close what was opened."""

    async def run() -> Result:
        chosen = settings.load()
        # Somebody waits for one answer here; what went well along the way is for a server's log.
        logs.configure(chosen.log_level if "log_level" in chosen.model_fields_set else "warning", chosen.log_json)
        runtime = build_runtime(chosen)
        try:
            await revision.make_ready(runtime.sessions.engine)
            return await work(runtime)
        finally:
            await runtime.sessions.close()

    with plainly():
        return asyncio.run(run())
