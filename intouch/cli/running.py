"""Running: how a command gets its runtime, and how its errors are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import typer

from intouch import app, logs, settings
from intouch.errors import InTouchError
from intouch.runtime import Runtime
from intouch.storage import upgrade

Result = TypeVar("Result")


def fail(error: Exception) -> typer.Exit:
    """Tell the error in one line on standard error; raise what this returns."""
    typer.secho(str(error), fg=typer.colors.RED, err=True)
    return typer.Exit(1)


def with_runtime(work: Callable[[Runtime], Awaitable[Result]]) -> Result:
    """Build the runtime from the settings, make the database ready, do ``work``, and close what was opened."""

    async def run() -> Result:
        chosen = settings.load()
        logs.configure(chosen.log_level, chosen.log_json)
        runtime = app.build_runtime(chosen)
        try:
            await upgrade.make_ready(runtime.sessions.engine)
            return await work(runtime)
        finally:
            await runtime.sessions.close()

    try:
        return asyncio.run(run())
    except InTouchError as error:
        raise fail(error) from None


def say_json(value: Any) -> None:
    """Print ``value`` as JSON for a machine to read."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
