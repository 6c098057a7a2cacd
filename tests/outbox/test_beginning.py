"""Whoever begins a chat message marks it first, and sees there who else has just written to the same chat."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta

from intouch.clock import ShiftedClock
from intouch.outbox import erasing
from intouch.outbox.beginning import Beginnings
from intouch.outbox.models import Lane
from intouch.runtime import Runtime
from tests.outbox.outboxes import draft, queue
from tests.outbox.test_claiming import claim, claim_of

GAP = 0.6


async def two(runtime: Runtime, clock: ShiftedClock, now: datetime, **second: object) -> tuple[Beginnings, Beginnings]:
    """Two processes, each of which has claimed one message to chat 5."""
    for number, (holder, changes) in enumerate((("one", {}), ("other", second)), start=1):
        await queue(runtime, draft(number, now, address="5", **changes))
        await claim(runtime, claim_of(holder), now)
    one, other = (Beginnings(runtime.sessions, clock, holder, apart=GAP) for holder in ("one", "other"))
    return one, other


async def test_two_processes_leave_a_distance_between_their_messages_to_one_chat(
    runtime: Runtime, clock: ShiftedClock, now: datetime
) -> None:
    one, other = await two(runtime, clock, now)
    began = time.monotonic()
    assert all(await asyncio.gather(one.begin(1), other.begin(2)))
    assert time.monotonic() - began >= GAP


async def test_a_reply_waits_for_nobody(runtime: Runtime, clock: ShiftedClock, now: datetime) -> None:
    one, other = await two(runtime, clock, now, lane=Lane.REPLY)
    assert await one.begin(1)
    began = time.monotonic()
    assert await other.begin(2)
    assert time.monotonic() - began < GAP / 2


async def test_what_a_pacer_keeps_apart_is_not_held_again(runtime: Runtime, clock: ShiftedClock, now: datetime) -> None:
    await queue(runtime, draft(1, now, address="5"), draft(2, now, address="5"), draft(3, now, address="6"))
    await claim(runtime, claim_of(), now)
    mine = Beginnings(runtime.sessions, clock, claim_of().holder, apart=GAP)
    began = time.monotonic()
    assert [await mine.begin(number) for number in (1, 2, 3)] == [True, True, True]
    assert time.monotonic() - began < GAP / 2


async def test_a_clock_that_was_set_back_holds_nobody_for_an_hour(runtime: Runtime, clock: ShiftedClock, now: datetime) -> None:
    one, other = await two(runtime, clock, now)
    assert await one.begin(1)
    clock.set(now - timedelta(hours=1))
    async with asyncio.timeout(10):
        assert await other.begin(2)


async def test_nothing_goes_to_who_was_erased_since_it_was_claimed(runtime: Runtime, clock: ShiftedClock, now: datetime) -> None:
    await queue(runtime, draft(1, now), draft(2, now))
    await claim(runtime, claim_of(), now)
    async with runtime.sessions.write() as session:
        assert await erasing.forget(session, owner="resident:1", now=now) == 1
    mine = Beginnings(runtime.sessions, clock, claim_of().holder)
    assert [await mine.begin(number) for number in (1, 2)] == [False, True]
