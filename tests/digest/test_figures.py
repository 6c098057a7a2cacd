"""Figures of the latest weeks: right, and read off an index however many deliveries there are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from intouch.digest import figures
from intouch.digest.batches import batch_of
from intouch.digest.models import Audience, Edition, EditionStatus
from intouch.outbox.models import Delivery, State
from intouch.runtime import Runtime
from tests.conftest import ON_ONE_DATABASE
from tests.digest.conftest import Town, town
from tests.outbox.outboxes import draft, queue

__all__ = ["town"]


async def publish(runtime: Runtime, town: Town, now: datetime) -> None:
    """Two weeks of two wards, one of them late; two deliveries each."""
    for number, (period, ward_id) in enumerate(
        (week, ward) for week in ("2026-W46", "2026-W47") for ward in (town.southwick, town.fulwell)
    ):
        status = EditionStatus.WAITING if number == 3 else EditionStatus.PUBLISHED
        edition = Edition(audience=Audience.DIGEST, ward_id=ward_id, period=period, status=status, due_at=now)
        edition.told_until = edition.created_at = now
        async with runtime.sessions.write() as session:
            session.add(edition)
        if number < 3:
            await queue(runtime, *(draft(10 * number + one, now, batch=batch_of(edition.id)) for one in range(2)))


async def test_editions_and_deliveries_are_counted_by_week(runtime: Runtime, town: Town, now: datetime) -> None:
    await publish(runtime, town, now)
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Delivery).where(Delivery.address == "20").values(state=State.SENT))
        newest, older = await figures.by_period(session, Audience.DIGEST)
        assert (newest.period, newest.editions, newest.deliveries) == ("2026-W47", {"published": 1, "waiting": 1}, {"queued": 1, "sent": 1})
        assert (older.period, older.editions, older.deliveries) == ("2026-W46", {"published": 2}, {"queued": 4})
        assert await figures.latest(session, Audience.DIGEST) == "2026-W47"
        assert [await figures.waiting(session, Audience.DIGEST, week) for week in ("2026-W46", "2026-W47")] == [0, 1]
        assert await figures.by_period(session, Audience.BRIEFING) == []
        assert await figures.latest(session, Audience.BRIEFING) is None


@ON_ONE_DATABASE
async def test_deliveries_are_counted_in_the_order_of_their_index(runtime: Runtime, town: Town, now: datetime) -> None:
    await publish(runtime, town, now)
    asked: list[tuple[str, Any]] = []
    sa.event.listen(runtime.sessions.engine.sync_engine, "before_cursor_execute", lambda *of: asked.append((of[2], of[3])))
    async with runtime.sessions.read() as session:
        await figures.by_period(session, Audience.DIGEST)
    words, values = next(one for one in asked if "deliveries" in one[0])
    async with runtime.sessions.engine.connect() as connection:
        plan = str((await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {words}", values)).all())
    assert "USING COVERING INDEX ix_deliveries_batch_state" in plan and "TEMP B-TREE" not in plan, plan
