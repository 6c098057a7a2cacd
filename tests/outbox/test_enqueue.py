"""One delivery per key, for ever."""

from __future__ import annotations

from datetime import datetime

from intouch.outbox import enqueue
from intouch.outbox.models import State
from intouch.runtime import Runtime
from tests.outbox.outboxes import draft, rows


async def test_the_same_key_makes_one_delivery_however_often(runtime: Runtime, now: datetime) -> None:
    for expected in (True, False, False):
        async with runtime.sessions.write() as session:
            assert await enqueue.enqueue(session, draft(1, now)) is expected
    (row,) = await rows(runtime)
    assert (row.state, row.tries, row.due_at, row.created_at) == (State.QUEUED, 0, now, now)


async def test_many_are_queued_in_chunks_and_only_the_new_ones_count(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        assert await enqueue.enqueue_many(session, [draft(number, now) for number in range(100)]) == 100
    async with runtime.sessions.write() as session:
        assert await enqueue.enqueue_many(session, [draft(number, now) for number in range(5_000)]) == 4_900
        assert await enqueue.enqueue_many(session, []) == 0
    assert len(await rows(runtime)) == 5_000


async def test_a_key_twice_in_one_call_makes_one_delivery(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        assert await enqueue.enqueue_many(session, [draft(1, now), draft(1, now)]) == 1
