"""Pausing, resuming and cancelling while it goes out, and holding everything back."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta

import pytest

from intouch.errors import Closed
from intouch.outbox import erasing, holds
from intouch.outbox.habits import Habits
from intouch.outbox.models import Lane, Stand, State
from intouch.outbox.rounds import HOLDS_EVERY
from intouch.runtime import Runtime
from tests.outbox.outboxes import RecordingChannel, draft, queue, rows, states, until, worker
from tests.outbox.test_claiming import claim, claim_of
from tests.outbox.test_worker import running

BATCH = "test:1"


async def stop(runtime: Runtime, stand: Stand, now: datetime, batch: str = BATCH) -> int:
    """As the commands do it: the order at once, then the deliveries."""
    async with runtime.sessions.write() as session:
        await holds.order(session, [batch], stand, by="Olive", now=now)
    moved = 0
    while True:
        async with runtime.sessions.write() as session:
            some = await holds.move(session, [batch], stand, by="Olive", now=now, most=7)
        if not some:
            return moved
        moved += some


async def resume(runtime: Runtime) -> int:
    async with runtime.sessions.write() as session:
        return await holds.resume(session, [BATCH])


async def test_a_pause_keeps_a_batch_and_leaves_others_alone_and_a_resume_sends_each_once(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now) for number in range(20)), draft(99, now, batch="test:2"))
    channel = RecordingChannel()
    assert (await stop(runtime, Stand.PAUSED, now), await stop(runtime, Stand.PAUSED, now)) == (20, 0)
    await worker(runtime, channel).send_due()
    assert channel.sent == ["99"]
    assert set(await states(runtime)) == {State.PAUSED, State.SENT}
    assert (await resume(runtime), await resume(runtime)) == (20, 0)
    await worker(runtime, channel).send_due()
    assert sorted(channel.sent, key=int) == [*map(str, range(20)), "99"]
    assert all(row.error is None for row in await rows(runtime))


async def test_what_an_order_has_not_moved_yet_is_put_aside_by_the_claim(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now), draft(2, now, batch="test:2"), draft(3, now, batch=None))
    async with runtime.sessions.write() as session:
        await holds.order(session, [BATCH], Stand.PAUSED, by="Olive", now=now)
        await holds.order(session, ["test:2"], Stand.CANCELLED, by="Olive", now=now)
    channel = RecordingChannel()
    await worker(runtime, channel).send_due()
    assert channel.sent == ["3"]
    found = await rows(runtime)
    assert [(row.state, row.error) for row in found[:2]] == [(State.PAUSED, "paused by Olive"), (State.CANCELLED, "cancelled by Olive")]
    assert [row.settled_at is None for row in found[:2]] == [True, False]
    assert found[0].tries == 0


async def test_a_cancelled_batch_cancels_what_was_paused_and_never_comes_back(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now) for number in range(10)))
    await stop(runtime, Stand.PAUSED, now)
    assert (await stop(runtime, Stand.CANCELLED, now), await stop(runtime, Stand.CANCELLED, now)) == (10, 0)
    with pytest.raises(Closed, match="stays so"):
        await resume(runtime)
    await stop(runtime, Stand.PAUSED, now)
    await queue(runtime, draft(11, now))
    channel = RecordingChannel()
    await worker(runtime, channel).send_due()
    assert channel.sent == []
    assert set(await states(runtime)) == {State.CANCELLED}


@pytest.mark.parametrize("stand", [Stand.PAUSED, Stand.CANCELLED])
async def test_two_workers_stop_at_once_and_give_back_what_they_had_claimed(runtime: Runtime, now: datetime, stand: Stand) -> None:
    await queue(runtime, *(draft(number, now) for number in range(400)))
    # Each claims ten at a time, which it would send for 30 seconds: what ends before that was given back.
    channels = [RecordingChannel(slow=3.0) for _ in range(2)]
    async with running(*(worker(runtime, channel) for channel in channels)):
        await until(lambda: all(len(channel.sent) > 3 for channel in channels))
        async with runtime.sessions.write() as session:
            await holds.order(session, [BATCH], stand, by="Olive", now=now)
        async with asyncio.timeout(20):
            while (found := Counter(await states(runtime)))[State.QUEUED] + found[State.SENDING]:
                await asyncio.sleep(0.05)
        before = sum(len(channel.sent) for channel in channels)
        await asyncio.sleep(0.7)
        assert sum(len(channel.sent) for channel in channels) == before
    assert HOLDS_EVERY < 1.0  # seconds; tests/outbox/test_pause_processes.py measures what comes of it
    kept = State(stand.value)
    assert Counter(await states(runtime)) == {State.SENT: before, kept: 400 - before}
    assert {row.tries for row in await rows(runtime) if row.state is kept} == {0}
    if stand is Stand.PAUSED:
        await resume(runtime)
        await worker(runtime, last := RecordingChannel()).send_due()
        everything = [address for channel in (*channels, last) for address in channel.sent]
        assert len(everything) == len(set(everything)) == 400


async def test_a_resume_bites_at_once_too(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now) for number in range(60)))
    channel = RecordingChannel(slow=1.0)
    async with running(worker(runtime, channel, habits=Habits(poll=0.05))):
        await until(lambda: len(channel.sent) > 3)
        await stop(runtime, Stand.PAUSED, now)
        async with asyncio.timeout(15):
            while {State.QUEUED, State.SENDING} & set(await states(runtime)):
                await asyncio.sleep(0.05)
        assert len(channel.sent) < 60
        channel.slow = 0.0
        await resume(runtime)
        await until(lambda: len(channel.sent) == 60)


async def test_after_a_restore_everything_waits_and_new_bulk_too_but_not_what_somebody_waits_for(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now), draft(2, now, lane=Lane.REPLY), draft(3, now))
    await claim(runtime, claim_of(size=1), now)
    now += timedelta(minutes=1)  # whoever had claimed that is dead
    runtime.clock.set(now)  # type: ignore[attr-defined]
    for expected in (3, 0):
        async with runtime.sessions.write() as session:
            assert await holds.hold_all(session, by="In Touch", now=now) == expected
    await queue(runtime, draft(4, now, batch="test:2"), draft(5, now, lane=Lane.NOTICE), draft(6, now, batch="test:3"))
    channel = RecordingChannel()
    await worker(runtime, channel).send_due()
    assert channel.sent == ["5"]
    for expected in (1, 0):
        async with runtime.sessions.write() as session:
            assert await holds.approve(session, ["test:2"]) == expected
        await worker(runtime, channel).send_due()
    assert channel.sent == ["5", "4"]
    for expected in (4, 0):
        async with runtime.sessions.write() as session:
            assert await holds.approve(session) == expected
    await queue(runtime, draft(7, now))
    await worker(runtime, channel).send_due()
    assert sorted(channel.sent) == ["1", "2", "3", "4", "5", "6", "7"]


async def test_what_was_paused_before_a_restore_is_paused_after_its_approval(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now), draft(2, now))
    await stop(runtime, Stand.PAUSED, now)
    async with runtime.sessions.write() as session:
        await holds.hold_all(session, by="In Touch", now=now)
        await holds.approve(session)
    channel = RecordingChannel()
    await worker(runtime, channel).send_due()
    assert (channel.sent, set(await states(runtime))) == ([], {State.PAUSED})


@pytest.mark.parametrize("is_paused_before", [False, True])
async def test_an_edition_that_is_approved_and_paused_goes_on_when_it_is_resumed_though_all_others_are_held(
    runtime: Runtime, now: datetime, is_paused_before: bool
) -> None:
    await queue(runtime, draft(1, now), draft(2, now, batch="test:2"))
    if is_paused_before:
        await stop(runtime, Stand.PAUSED, now)
    async with runtime.sessions.write() as session:
        await holds.hold_all(session, by="In Touch", now=now)
        assert await holds.approve(session, [BATCH]) == 1
    channel = RecordingChannel()
    assert await stop(runtime, Stand.PAUSED, now) == 1
    assert await resume(runtime) == 1
    await worker(runtime, channel).send_due()
    assert (channel.sent, await states(runtime)) == (["1"], [State.SENT, State.HELD])


async def test_what_was_approved_after_one_restore_waits_again_after_the_next(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        await holds.hold_all(session, by="In Touch", now=now)
        await holds.approve(session, [BATCH])
        await holds.approve(session)
        await holds.hold_all(session, by="In Touch", now=now)
    await queue(runtime, draft(1, now))
    await worker(runtime, channel := RecordingChannel()).send_due()
    assert (channel.sent, await states(runtime)) == ([], [State.HELD])


async def test_an_unsubscription_and_an_erasure_reach_what_is_paused_or_held(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now), draft(2, now))
    await stop(runtime, Stand.PAUSED, now)
    async with runtime.sessions.write() as session:
        assert await erasing.cancel(session, owner="resident:1", reason="unsubscribed", now=now) == 1
        await holds.hold_all(session, by="In Touch", now=now)
        assert await erasing.forget(session, owner="resident:2", now=now) >= 1
    assert await states(runtime) == [State.CANCELLED, State.CANCELLED]
