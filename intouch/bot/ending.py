"""Ending: updates that are under way when the bot stops get a moment to end by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from intouch import logs

log = logs.get("bot")

WITHIN = 4.0  # seconds; less than the web server leaves its requests


async def end(under_way: Collection[asyncio.Task[Any]]) -> None:
    """Wait for these, and then for no longer: what is cut short here was not let go of, and Telegram brings it again."""
    if not under_way:
        return
    _, hanging = await asyncio.wait(under_way, timeout=WITHIN)
    if not hanging:
        return
    log.warning("bot.stopped_in_a_hurry", updates=len(hanging))
    for task in hanging:
        task.cancel()
    await asyncio.wait(hanging)
