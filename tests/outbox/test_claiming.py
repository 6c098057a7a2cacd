"""Whose turn it is, and that nobody takes what another has."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from intouch.outbox import addresses, claiming
from intouch.outbox.claiming import Claim
from intouch.outbox.models import Lane, Road, State
from intouch.runtime import Runtime
from tests.outbox.outboxes import draft, queue, rows

LEASE = timedelta(seconds=45)


def claim_of(holder: str = "me", *, size: int = 100, lanes: tuple[Lane, ...] = tuple(Lane), **changes: object) -> Claim:
    values = {"road": Road.TELEGRAM, "lanes": lanes, "size": size, "holder": holder, "lease": LEASE, "may_send_to": lambda _: True}
    return Claim(**(values | changes))  # type: ignore[arg-type]


async def claim(runtime: Runtime, wanted: Claim, now: datetime) -> claiming.Claimed:
    async with runtime.sessions.write() as session:
        return await claiming.claim(session, wanted, now=now)


async def test_replies_come_first_then_notices_then_bulk_each_by_age(runtime: Runtime, now: datetime) -> None:
    minute = timedelta(minutes=1)
    await queue(
        runtime,
        draft(1, now - minute),
        draft(2, now - 3 * minute),
        draft(3, now - minute, lane=Lane.NOTICE),
        draft(4, now, lane=Lane.REPLY),
        draft(5, now + minute, lane=Lane.REPLY),
    )
    claimed = await claim(runtime, claim_of(size=3), now)
    assert [delivery.address for delivery in claimed.deliveries] == ["4", "3", "2"]
    claimed = await claim(runtime, claim_of(), now)
    assert [delivery.address for delivery in claimed.deliveries] == ["1"]


async def test_a_claim_is_written_down_with_holder_lease_and_try(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now))
    claimed = await claim(runtime, claim_of(), now)
    (row,) = await rows(runtime)
    assert (row.state, row.leased_by, row.lease_until, row.tries) == (State.SENDING, "me", now + LEASE, 1)
    assert claimed.deliveries[0].tries == 1


async def test_two_who_claim_at_once_never_get_the_same(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now) for number in range(300)))
    taken: list[int] = []

    async def take_all(holder: str) -> None:
        while deliveries := (await claim(runtime, claim_of(holder, size=7), now)).deliveries:
            taken.extend(delivery.id for delivery in deliveries)

    await asyncio.gather(*(take_all(f"worker{number}") for number in range(4)))
    assert len(taken) == len(set(taken)) == 300


async def test_what_must_not_be_sent_is_cancelled_with_a_reason(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now), draft(2, now), draft(3, now), draft(4, now, address=""))
    async with runtime.sessions.write() as session:
        await addresses.mark_dead(session, Road.TELEGRAM, "2", reason="blocked", now=now)
    claimed = await claim(runtime, claim_of(may_send_to=lambda address: address != "3"), now)
    assert [delivery.address for delivery in claimed.deliveries] == ["1"]
    assert claimed.cancelled == 3
    cancelled = [row for row in await rows(runtime) if row.state is State.CANCELLED]
    assert [row.error for row in cancelled] == ["the address is gone", "SEND_TO does not name this address", "there is no address"]
    assert all(row.settled_at == now for row in cancelled)


async def test_an_email_address_is_dead_however_it_is_spelled_until_it_is_revived(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        assert await addresses.mark_dead(session, Road.EMAIL, "Grace@Roker.example", reason="550", now=now)
        assert not await addresses.mark_dead(session, Road.EMAIL, "grace@roker.example", reason="550", now=now)
        assert await addresses.is_dead(session, Road.EMAIL, "GRACE@roker.example")
        assert not await addresses.is_dead(session, Road.TELEGRAM, "grace@roker.example")
        await addresses.revive(session, Road.EMAIL, "grace@ROKER.example")
        assert not await addresses.is_dead(session, Road.EMAIL, "grace@roker.example")


async def test_only_the_holder_can_renew(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now), draft(2, now))
    mine = (await claim(runtime, claim_of("me", size=1), now)).deliveries[0].id
    other = (await claim(runtime, claim_of("other", size=1), now)).deliveries[0].id
    until = now + timedelta(minutes=5)
    async with runtime.sessions.write() as session:
        assert await claiming.renew(session, "me", [mine, other], until=until) == {mine}
    assert {row.id: row.lease_until for row in await rows(runtime)} == {mine: until, other: now + LEASE}


async def test_asking_whether_anything_is_due_looks_at_road_lane_and_time(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now))
    async with runtime.sessions.read() as session:
        assert await claiming.is_anything_due(session, Road.TELEGRAM, list(Lane), now=now)
        assert not await claiming.is_anything_due(session, Road.TELEGRAM, [Lane.REPLY], now=now)
        assert not await claiming.is_anything_due(session, Road.EMAIL, list(Lane), now=now)
        assert not await claiming.is_anything_due(session, Road.TELEGRAM, list(Lane), now=now - timedelta(seconds=1))
