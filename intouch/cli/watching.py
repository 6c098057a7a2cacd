"""Watching: a bar that shows how far an edition has come, with its rate, the time that is left, refused and retried."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TaskID, TextColumn
from rich.progress import Progress as Bar
from rich.table import Column

from intouch.outbox import progress
from intouch.outbox.progress import Progress, Speed
from intouch.runtime import Runtime

EVERY = 1.0
_STANDSTILL = 30.0
_NARROW = 72  # columns, in which the figures leave no room for a bar


async def watch(runtime: Runtime, batches: Sequence[str], *, title: str, console: Console | None = None) -> Progress:
    """Show a bar until nothing more happens by itself, or until Ctrl-C, which stops the looking and not the sending."""
    shown, speed = console or Console(), Speed()
    found = Progress()
    with bar_on(shown) as bar, contextlib.suppress(asyncio.CancelledError):
        task = bar.add_task(title, total=None, told="")
        async for step in _follow(runtime, batches, bar, task, speed):
            found = step
    shown.print(summary(found), highlight=False)
    return found


def bar_on(console: Console) -> Bar:
    """The bar, of which a narrow terminal gets the figures alone, on several lines where they do not fit on one."""
    is_narrow = console.width < _NARROW
    number = MofNCompleteColumn(table_column=Column(no_wrap=True))
    columns: list[ProgressColumn] = [TextColumn("{task.description}"), number, TextColumn("{task.fields[told]}")]
    if is_narrow:
        columns[0] = TextColumn("{task.description}", table_column=Column(min_width=8))
        columns[2] = TextColumn("{task.fields[told]}", table_column=Column(min_width=8))
    else:
        columns.insert(1, BarColumn(bar_width=30))
    return Bar(*columns, console=console)


async def _follow(runtime: Runtime, batches: Sequence[str], bar: Bar, task: TaskID, speed: Speed) -> AsyncIterator[Progress]:
    moved_at, done = time.monotonic(), -1
    while True:
        began = time.monotonic()
        async with runtime.sessions.read() as session:
            found = await progress.measure(session, batches)
        now = time.monotonic()
        speed.note(found.done, now)
        if found.done != done:
            moved_at, done = now, found.done
        bar.update(task, total=found.total, completed=found.done, told=told(found, speed, standstill=now - moved_at))
        yield found
        if found.is_over:
            return
        # Counting a million takes its time: ten times as long as it took is left to the senders.
        await asyncio.sleep(max(EVERY, 10 * (now - began)))


def told(found: Progress, speed: Speed, *, standstill: float = 0.0) -> str:
    """What stands behind the bar."""
    if not found.is_over and standstill > _STANDSTILL:
        return f"nothing has moved for {standstill:.0f} s: is a sender running (`intouch run`)?"
    remaining = speed.remaining(found.left)
    words = [f"{speed.rate:,.0f}/s", "" if remaining is None else f"{timedelta(seconds=round(remaining))} left"]
    words += [f"{number:,} {name}" for number, name in _odd(found) if number]
    return "  ".join(word for word in words if word)


def summary(found: Progress) -> str:
    """One line when it is over."""
    odd = "".join(f", {number:,} {name}" for number, name in _odd(found) if number)
    return f"{found.sent:,} of {found.total:,} sent{odd}{f', {found.left:,} on their way' if found.left else ''}."


def _odd(found: Progress) -> list[tuple[int, str]]:
    return [
        (found.refused, "refused"),
        (found.retried, "retried"),
        (found.unknown, "unknown"),
        (found.cancelled, "cancelled"),
        (found.kept, "paused or held"),
    ]
