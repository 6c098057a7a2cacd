"""Stopping: pausing, resuming and cancelling editions and batches, those too of which nothing is in the outbox yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.cli import saying
from intouch.cli.running import with_runtime
from intouch.cli.saying import Done
from intouch.digest import approving
from intouch.outbox import holds, listing, progress
from intouch.outbox.listing import Wanted
from intouch.outbox.models import Stand, State
from intouch.runtime import Runtime
from intouch.templating import plural

BY = "the command line"
GIVEN_BACK_WITHIN = 2.0  # seconds, by senders that are alive
Chosen = Callable[[AsyncSession], Awaitable[list[str]]]
_MOST_NAMES = 5


def deliveries(number: int) -> str:
    """``3 deliveries``."""
    return plural(number, "delivery", "deliveries")


@dataclass(frozen=True)
class Late:
    """The wards of late editions: that wait for approval, that were cancelled before it, and that are cancelled now."""

    waiting: Sequence[str]
    before: Sequence[str]
    now: Sequence[str] = ()

    @classmethod
    async def of(cls, session: AsyncSession, batches: Sequence[str], *, cancel: bool = False) -> Late:
        """Of these batches; with ``cancel``, what waits is cancelled."""
        before = await approving.wards(session, batches, approving.CANCELLED)
        now = await approving.cancel(session, batches) if cancel else []
        return cls(await approving.wards(session, batches, approving.WAITING), before, now)

    def cancelled(self, number: int) -> str:
        """What to say when that was cancelled, ``number`` deliveries of it."""
        told = [f"{deliveries(number)} cancelled."] if number or not self.now else []
        if self.now:
            which = plural(len(self.now), "edition that waited for approval is", "editions that waited for approval are")
            told.append(f"{which} cancelled ({_listed(self.now)}). Nobody gets {_it(self.now)}.")
        if self.before:
            told.append(f"{plural(len(self.before), 'edition was', 'editions were')} cancelled before ({_listed(self.before)}).")
        return " ".join(told)

    def paused(self) -> str:
        """What to add when that was paused."""
        it, verb = _it(self.waiting, "it", "they"), "waits" if len(self.waiting) == 1 else "wait"
        return f" {self._still()}; once approved, {it} {verb} until you resume {_it(self.waiting)}." if self.waiting else ""

    def left_behind(self) -> str:
        """What to add when the rest goes out."""
        told = f" {self._still()}: `intouch digest publish` sends {_it(self.waiting)}." if self.waiting else ""
        if self.before:
            told += f" {cancelled_stays(len(self.before), _listed(self.before))}"
        return told

    def _still(self) -> str:
        return f"{plural(len(self.waiting), 'edition still waits', 'editions still wait')} for approval ({_listed(self.waiting)})"


def cancelled_stays(number: int, which: str = "") -> str:
    """``2 editions are cancelled, and what is cancelled stays so.``"""
    named = f" ({which})" if which else ""
    return f"{plural(number, 'edition is', 'editions are')} cancelled{named}, and what is cancelled stays so."


def cancel_for_good(chosen: Callable[[Runtime], Chosen], *, is_sure: bool) -> Done:
    """Cancel, after asking: hundreds of emails may hang on a slip, and nothing brings them back."""

    async def waiting(runtime: Runtime) -> str:
        async with runtime.sessions.read() as session:
            names = await chosen(runtime)(session)
            found, late = await progress.measure(session, names), await Late.of(session, names)
        number = found.left + found.kept
        told = [deliveries(number)] if number or not late.waiting else []
        if late.waiting:
            told.append(plural(len(late.waiting), "edition that waits for approval", "editions that wait for approval"))
        return " and ".join(told)

    if not is_sure:
        saying.make_sure(f"Cancel {with_runtime(waiting)} for good? Nobody gets them then.", is_sure=False)
    return with_runtime(lambda runtime: stop(runtime, chosen(runtime), Stand.CANCELLED))


async def stop(runtime: Runtime, chosen: Chosen, stand: Stand, *, within: float = GIVEN_BACK_WITHIN) -> Done:
    """Pause or cancel: the order in a transaction of its own, so that it bites at once, then the deliveries in pieces.

    An edition that waits for approval has none yet: cancelled, it is never published; paused, the order meets them later.
    """
    state = State(stand.value)
    async with runtime.sessions.write() as session:
        names = await chosen(session)
        late = await Late.of(session, names, cancel=stand is Stand.CANCELLED)
        before = (await _in(session, names, state)).get(state, 0)
        await holds.order(session, names, stand, by=BY, now=runtime.now())
    number = await _move_all(runtime, names, stand, within=within) - before
    if stand is Stand.CANCELLED:
        return Done(late.cancelled(number), {"batches": names, "cancelled": number, "editions": late.now})
    return Done(f"{deliveries(number)} {stand.value}.{late.paused()}", {"batches": names, stand.value: number, "waiting": late.waiting})


async def _move_all(runtime: Runtime, names: Sequence[str], stand: Stand, *, within: float) -> int:
    """How many are there then. Those that senders have claimed come back ``within`` so many seconds, unless they go out at this moment."""
    now, began, state = runtime.now(), time.monotonic(), State(stand.value)
    while True:
        async with runtime.sessions.write() as session:
            some = await holds.move(session, names, stand, by=BY, now=now)
        async with runtime.sessions.read() as session:
            found = await _in(session, names, state, State.SENDING, State.QUEUED)
        is_over = not (found.get(State.SENDING) or found.get(State.QUEUED))
        if not some and (is_over or time.monotonic() - began > within):
            return found.get(state, 0)
        if not some:
            await asyncio.sleep(0.1)


async def hold_back(runtime: Runtime, *, within: float = GIVEN_BACK_WITHIN) -> Done:
    """Hold everything; senders that are alive give back what they have claimed in ``within`` seconds, unless it goes out at this moment."""
    now, began, ends = runtime.now(), time.monotonic(), Wanted(states=[State.HELD, State.SENDING])
    async with runtime.sessions.write() as session:
        before = (await listing.count(session, ends)).get(State.HELD, 0)
        await holds.hold_all(session, by=BY, now=now)
    while True:
        async with runtime.sessions.write() as session:
            await holds.hold_older(session, now=now)
            found = await listing.count(session, ends)
        if not found.get(State.SENDING) or time.monotonic() - began > within:
            break
        await asyncio.sleep(0.1)
    number = found.get(State.HELD, 0) - before
    return Done(f"{deliveries(number)} held. `intouch delivery approve` lets them go.", {"held": number})


async def _in(session: AsyncSession, names: Sequence[str], *states: State) -> dict[State, int]:
    """All of these in one statement: between two of them a sender may give back what it had."""
    return await listing.count(session, Wanted(batches=names, states=states))


async def go_on(runtime: Runtime, chosen: Chosen) -> Done:
    """Resume; what it kept is queued in one transaction with taking back the order."""
    async with runtime.sessions.write() as session:
        names = await chosen(session)
        number = await holds.resume(session, names)
        late = await Late.of(session, names)
        cancelled = len(await holds.cancelled(session, names)) - len(late.before)  # those are told of by their wards
    left = f" {cancelled_stays(cancelled)}" if cancelled > 0 else ""
    figures = {"batches": names, "resumed": number, "waiting": late.waiting}
    return Done(f"{deliveries(number)} resumed.{left}{late.left_behind()}", figures)


def _it(wards: Sequence[str], one: str = "it", many: str = "them") -> str:
    return one if len(wards) == 1 else many


def _listed(wards: Sequence[str]) -> str:
    shown, more = ", ".join(wards[:_MOST_NAMES]), len(wards) - _MOST_NAMES
    return f"{shown} and {plural(more, 'other ward', 'other wards')}" if more > 0 else shown
