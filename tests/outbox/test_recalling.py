"""What waits long in a claimed batch is not sent to who has left in the meantime."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.channels import outcomes
from intouch.channels.outcomes import Envelope, Heard
from intouch.outbox import addresses, holds, ready
from intouch.outbox.models import Delivery, Lane, Road, State
from intouch.outbox.worker import Worker
from intouch.runtime import Runtime
from tests.outbox.outboxes import draft, queue, rows, until, worker

LETTER = {"subject": "Your ward", "html": "<p>Hello</p>", "text": "Hello", "headers": {}}


class HangingChannel:
    """Sends the first envelope, and the second only when it is not to be sent any more, or ``goes_on``."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.goes_on = False
        self.batches = 0

    async def send_batch(self, envelopes: Sequence[Envelope], heard: Heard) -> None:
        self.batches += 1
        for envelope in envelopes:
            while self.sent and not self.goes_on and envelope.is_ours():
                await asyncio.sleep(0.02)
            if envelope.is_ours():
                self.sent.append(envelope.address)
                heard(envelope.number, outcomes.sent())
            else:
                heard(envelope.number, outcomes.not_tried("not ours"))

    def halt(self) -> None:
        self.goes_on = True

    async def close(self) -> None:
        self.goes_on = True


async def _nobody(_session: AsyncSession, _owners: Collection[str], _since: datetime) -> set[str]:
    return set()


async def _hang(
    runtime: Runtime, now: datetime, *, lane: Lane = Lane.BULK, **options: object
) -> tuple[Worker, HangingChannel, asyncio.Task[None]]:
    values = {"road": Road.EMAIL, "lane": lane, "kind": ready.KIND, "payload": LETTER}
    await queue(runtime, *(draft(one, now, address=f"r{one}@x.example", **values) for one in (1, 2, 3)))
    channel = HangingChannel()
    made = worker(runtime, channel, road=Road.EMAIL, renderers={ready.KIND: ready.render}, **options)
    running = asyncio.create_task(made.run())
    await until(lambda: bool(channel.sent))
    return made, channel, running


async def _end(made: Worker, running: asyncio.Task[None]) -> None:
    await made.stop(within=5)
    await running


async def test_who_dies_or_is_erased_while_it_waits_gets_nothing(runtime: Runtime, now: datetime) -> None:
    made, channel, running = await _hang(runtime, now, who_left=_nobody)
    async with runtime.sessions.write() as session:
        await addresses.mark_dead(session, Road.EMAIL, "R2@x.example", reason="bounced", now=now)
        await session.execute(sa.update(Delivery).where(Delivery.address == "r3@x.example").values(address="", owner=None))
    async with asyncio.timeout(20):
        while {row.state for row in await rows(runtime)} & {State.QUEUED, State.SENDING}:
            await asyncio.sleep(0.05)
    await _end(made, running)
    assert channel.sent == ["r1@x.example"]
    assert [row.state for row in await rows(runtime)] == [State.SENT, State.CANCELLED, State.CANCELLED]


async def test_who_left_while_it_waits_is_decided_about_anew_and_nobody_else(runtime: Runtime, now: datetime) -> None:
    asked: list[Collection[str]] = []

    async def who_left(_session: AsyncSession, owners: Collection[str], _since: datetime) -> set[str]:
        asked.append(owners)
        return {"resident:2"} if len(asked) == 1 else set()

    made, channel, running = await _hang(runtime, now, who_left=who_left)
    await until(lambda: channel.batches == 2)  # Bob's was given back and claimed anew
    assert asked[0] == {"resident:2", "resident:3"}
    assert channel.sent == ["r1@x.example"]
    channel.goes_on = True
    async with asyncio.timeout(20):
        while {row.state for row in await rows(runtime)} != {State.SENT}:
            await asyncio.sleep(0.05)
    await _end(made, running)
    assert sorted(channel.sent) == ["r1@x.example", "r2@x.example", "r3@x.example"]
    assert [row.tries for row in await rows(runtime)] == [1, 1, 1]


@pytest.mark.parametrize("lane", [Lane.BULK, Lane.NOTICE])
async def test_what_is_claimed_when_all_is_held_waits_for_approval_and_what_is_begun_is_settled(
    runtime: Runtime, now: datetime, lane: Lane
) -> None:
    made, channel, running = await _hang(runtime, now, lane=lane)
    async with runtime.sessions.write() as session:
        await holds.hold_all(session, by="Olive", now=now + timedelta(seconds=1))
    async with asyncio.timeout(20):
        while [row.state for row in await rows(runtime)] != [State.SENT, State.HELD, State.HELD]:
            await asyncio.sleep(0.02)
    channel.goes_on = True
    async with runtime.sessions.write() as session:
        assert await holds.approve(session) == 2
    await until(lambda: len(channel.sent) == 3)
    await _end(made, running)
    assert sorted(channel.sent) == ["r1@x.example", "r2@x.example", "r3@x.example"]


async def test_what_a_sender_that_ended_had_claimed_is_held_with_the_rest(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now), draft(2, now))
    claimed = {"state": State.SENDING, "leased_by": "it", "lease_until": now, "tries": 1}
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Delivery).values(claimed))
        await session.execute(sa.update(Delivery).where(Delivery.address == "2").values(begun_at=now))
        assert await holds.hold_all(session, by="Olive", now=now) == 1
    assert [row.state for row in await rows(runtime)] == [State.HELD, State.UNKNOWN]
