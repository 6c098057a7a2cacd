"""Watching: a bar, or a line of JSON at each look, that shows how far an edition has come, with its rate and the time that is left."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Column
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.cli.saying import say_json
from intouch.outbox import progress
from intouch.outbox.progress import Progress, Speed
from intouch.runtime import Runtime
from intouch.templating import time_of_day

EVERY = 1.0
_STANDSTILL = 30.0
_NARROW = 72  # columns, in which the figures leave no room for a bar

Chosen = Callable[[AsyncSession], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: ``rate`` in deliveries a second, ``remaining`` in seconds, or None while nothing moves.

    ``trouble`` is what to say when nothing has moved for a while.
    """

    found: Progress
    rate: float
    remaining: float | None
    trouble: str = ""


async def watch(runtime: Runtime, chosen: Chosen, *, title: str, console: Console | None = None) -> Progress:
    """Show a bar until nothing more happens by itself, or until Ctrl-C, which stops the looking and not the sending."""
    shown, found = console or Console(), Progress()
    with bar_on(shown) as bar, contextlib.suppress(asyncio.CancelledError):
        task = bar.add_task(title, total=None, told="")
        async for look in follow(runtime, chosen):
            found = look.found
            bar.update(task, total=found.total, completed=found.done, told=told(look))
    shown.print(summary(found), highlight=False)
    return found


async def watch_as_json(runtime: Runtime, chosen: Chosen, *, period: str) -> None:
    """Print one line of JSON at each look, as long as the bar would be shown."""
    with contextlib.suppress(asyncio.CancelledError):
        async for look in follow(runtime, chosen):
            figures = asdict(look.found) | {"rate": round(look.rate, 1), "remaining_seconds": look.remaining and round(look.remaining)}
            say_json({"period": period, "at": runtime.now(), **figures, "is_over": look.found.is_over}, in_one_line=True)


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


async def follow(runtime: Runtime, chosen: Chosen) -> AsyncIterator[Look]:
    """Look again and again, the last time when nothing is left; editions that are made meanwhile are counted too."""
    speed, moved_at, before = Speed(), time.monotonic(), Progress()
    while True:
        began = time.monotonic()
        async with runtime.sessions.read() as session:
            batches = await chosen(session)
            found = await progress.measure(session, batches)
            now = time.monotonic()
            if found != before:
                moved_at, before = now, found
            speed.note(found.done, now)
            stood = now - moved_at
            trouble = standing_still(stood, await progress.next_due(session, batches), runtime) if stood > _STANDSTILL else ""
        yield Look(found, speed.rate, speed.remaining(found.left), trouble)
        if found.is_over:
            return
        # Counting a million takes its time: ten times as long as it took is left to the senders.
        await asyncio.sleep(max(EVERY, 10 * (time.monotonic() - began)))


def standing_still(seconds: float, due_at: datetime | None, runtime: Runtime) -> str:
    """What to say when nothing has moved for so many ``seconds``, and what is left is not due before ``due_at``."""
    if due_at is not None and due_at > runtime.now():
        return f"put off by the other side; the next tries begin at {time_of_day(due_at.astimezone(runtime.settings.zone))}"
    return f"nothing has moved for {seconds:.0f} s: is a sender running (`intouch run`), and is all well (`intouch doctor`)?"


def told(look: Look) -> str:
    """What stands behind the bar."""
    remaining = "" if look.remaining is None else f"{timedelta(seconds=round(look.remaining))} left"
    words = [look.trouble] if look.trouble else [f"{look.rate:,.0f}/s", remaining]
    words += [f"{number:,} {name}" for number, name in _odd(look.found) if number]
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
