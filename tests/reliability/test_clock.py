"""The clock is set back an hour: what a dead process held is taken over all the same, and nobody takes it from the living."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.clock import ShiftedClock
from intouch.outbox import leases
from intouch.outbox.habits import Habits
from intouch.outbox.models import Delivery, Road, State
from intouch.outbox.parcel import Parcel
from intouch.outbox.rendering import Encoded, Rendered
from intouch.outbox.worker import Worker
from intouch.runtime import Runtime
from tests.outbox.outboxes import RecordingChannel, draft, queue, states, worker

AN_HOUR, A_MINUTE = timedelta(hours=1), timedelta(minutes=1)


@asynccontextmanager
async def running(one: Worker) -> AsyncIterator[None]:
    task = asyncio.create_task(one.run())
    try:
        yield
    finally:
        await one.stop(within=1)
        await task


async def reach(runtime: Runtime, wanted: set[State], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while set(await states(runtime)) != wanted:
            await asyncio.sleep(0.02)


async def hello(_session: AsyncSession, deliveries: Sequence[Parcel]) -> Mapping[int, Rendered]:
    return {delivery.id: Encoded(b"Subject: Hello\r\n\r\nHello\r\n") for delivery in deliveries}


@pytest.mark.parametrize(("road", "state"), [(Road.EMAIL, State.SENT), (Road.TELEGRAM, State.UNKNOWN)])
async def test_work_of_the_dead_waits_a_minute_and_not_an_hour(
    runtime: Runtime, clock: ShiftedClock, now: datetime, road: Road, state: State
) -> None:
    await queue(runtime, draft(1, now - AN_HOUR, road=road, kind="letter" if road is Road.EMAIL else "message", address="7"))
    async with runtime.sessions.write() as session:
        begun = now - AN_HOUR if road is Road.TELEGRAM else None
        held = {"state": State.SENDING, "leased_by": "the dead", "lease_until": now + timedelta(seconds=45), "begun_at": begun}
        await session.execute(sa.update(Delivery).values(**held))
    clock.set(now - AN_HOUR)
    async with running(worker(runtime, RecordingChannel(), road=road, renderers={"letter": hello})):
        await asyncio.sleep(0.3)
        assert await states(runtime) == [State.SENDING]  # who holds it may be alive, and has a minute to say so
        clock.set(now - AN_HOUR + A_MINUTE)
        await reach(runtime, {state})


async def test_the_living_keep_what_they_are_sending(runtime: Runtime, clock: ShiftedClock, now: datetime) -> None:
    await queue(runtime, *(draft(number, now - AN_HOUR) for number in range(5)))
    slow, other = RecordingChannel(slow=0.4), RecordingChannel()
    habits = Habits(poll=0.02, sweep_every=0.05, lease=timedelta(seconds=1))
    async with running(worker(runtime, slow, habits=habits)):
        async with asyncio.timeout(5):
            while not slow.sent:
                await asyncio.sleep(0.01)
        clock.set(now - AN_HOUR)
        async with running(worker(runtime, other, habits=habits)):
            await reach(runtime, {State.SENT})
    assert sorted(slow.sent + other.sent) == [str(number) for number in range(5)]


async def test_a_part_that_a_dead_process_played_is_free_after_its_usual_time(runtime: Runtime, now: datetime) -> None:
    async def take(holder: str, at: datetime) -> bool:
        async with runtime.sessions.write() as session:
            return await leases.take(session, "the poller", holder=holder, seconds=60, now=at)

    assert await take("the dead", now)
    back = now - AN_HOUR
    assert not await take("the living", back)
    assert not await take("the living", back + timedelta(seconds=59))
    assert await take("the living", back + timedelta(seconds=61))


async def test_a_part_stays_with_whoever_plays_it(runtime: Runtime, now: datetime) -> None:
    async def take(holder: str, at: datetime) -> bool:
        async with runtime.sessions.write() as session:
            return await leases.take(session, "the poller", holder=holder, seconds=60, now=at)

    assert await take("a", now)
    for seconds in range(0, 200, 20):
        at = now - AN_HOUR + timedelta(seconds=seconds)
        assert not await take("b", at)
        assert await take("a", at)
