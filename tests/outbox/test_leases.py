"""A part is played by one process at a time."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from intouch.outbox import leases
from intouch.runtime import Runtime


async def take(runtime: Runtime, holder: str, now: datetime) -> bool:
    async with runtime.sessions.write() as session:
        return await leases.take(session, "the poller", holder=holder, seconds=60, now=now)


async def test_one_holds_it_until_it_runs_out_or_is_given_up(runtime: Runtime, now: datetime) -> None:
    assert await take(runtime, "a", now)
    assert await take(runtime, "a", now)
    assert not await take(runtime, "b", now + timedelta(seconds=59))
    assert await take(runtime, "b", now + timedelta(seconds=60))
    async with runtime.sessions.write() as session:
        assert not await leases.renew(session, "the poller", holder="a", seconds=60, now=now)
        assert await leases.renew(session, "the poller", holder="b", seconds=60, now=now)
        assert not await leases.release(session, "the poller", holder="a")
        assert await leases.release(session, "the poller", holder="b")
    assert await take(runtime, "a", now)


async def test_of_many_who_ask_at_once_one_gets_it(runtime: Runtime, now: datetime) -> None:
    assert sum(await asyncio.gather(*(take(runtime, f"p{number}", now) for number in range(8)))) == 1


async def test_the_lease_of_one_who_has_ended_is_free_at_once(runtime: Runtime, now: datetime) -> None:
    assert await take(runtime, "a", now)
    async with runtime.sessions.write() as session:
        assert not await leases.take(session, "the poller", holder="b", seconds=60, now=now, has_ended=lambda name: name == "c")
        assert await leases.take(session, "the poller", holder="b", seconds=60, now=now, has_ended=lambda name: name == "a")
    assert not await take(runtime, "a", now)
