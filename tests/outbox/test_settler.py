"""Outcomes that wait together are written together: a few wait for others, half a group for nobody."""

from __future__ import annotations

import asyncio
from datetime import datetime

from intouch.channels import outcomes
from intouch.outbox.models import State
from intouch.outbox.parcel import Parcel
from intouch.outbox.settler import WORTH_WRITING, Settler
from intouch.outbox.settling import Follow, Rules, Settled
from intouch.runtime import Runtime
from tests.outbox.outboxes import draft, queue, states
from tests.outbox.test_claiming import claim, claim_of

FOR_EVER = 3600.0


def settler(runtime: Runtime, linger: float) -> Settler:
    return Settler(runtime.sessions, runtime.clock, Rules("me"), follow=Follow(), done=lambda _numbers: None, linger=linger)


async def claimed(runtime: Runtime, now: datetime, numbers: range) -> list[Parcel]:
    await queue(runtime, *(draft(number, now) for number in numbers))
    return (await claim(runtime, claim_of(size=len(numbers)), now)).deliveries


async def written(one: Settler) -> None:
    async with asyncio.timeout(30):
        await one.idle()


async def test_half_a_group_waits_for_nobody(runtime: Runtime, now: datetime) -> None:
    one = settler(runtime, FOR_EVER)
    for round_ in range(2):  # the second time the writer has come to its end
        for delivery in await claimed(runtime, now, range(round_ * WORTH_WRITING, (round_ + 1) * WORTH_WRITING)):
            one.put(Settled(delivery, outcomes.sent()))
        await written(one)
        assert await states(runtime) == [State.SENT] * WORTH_WRITING * (round_ + 1)


async def test_fewer_wait_until_there_are_enough(runtime: Runtime, now: datetime) -> None:
    one = settler(runtime, FOR_EVER)
    first, *others = await claimed(runtime, now, range(WORTH_WRITING))
    one.put(Settled(first, outcomes.sent()))
    await asyncio.sleep(0.2)
    assert State.SENT not in await states(runtime)
    for delivery in others:
        one.put(Settled(delivery, outcomes.sent()))
    await written(one)
    assert set(await states(runtime)) == {State.SENT}


async def test_a_single_one_is_written_in_a_moment(runtime: Runtime, now: datetime) -> None:
    one = settler(runtime, 0.02)
    (delivery,) = await claimed(runtime, now, range(1))
    one.put(Settled(delivery, outcomes.sent()))
    await written(one)
    assert await states(runtime) == [State.SENT]
