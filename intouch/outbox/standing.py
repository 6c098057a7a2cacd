"""Standing: how many deliveries there are by road, lane and state, and how long the oldest due one waits; for /metrics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.outbox.models import Delivery, Lane, Road, State


@dataclass(frozen=True, slots=True)
class Standing:
    """One cell. ``first_due_at`` is the earliest due time in it, past or to come."""

    road: Road
    lane: Lane
    state: State
    number: int
    first_due_at: datetime


async def standing(session: AsyncSession) -> list[Standing]:
    """One GROUP BY that the index on (road, state, lane, due_at) answers alone; cells without any are left out."""
    columns = (Delivery.road, Delivery.state, Delivery.lane)
    first = sa.func.min(Delivery.due_at, type_=Delivery.due_at.type)
    statement = sa.select(*columns, sa.func.count(), first).group_by(*columns).order_by(*columns)
    return [Standing(row[0], row[2], row[1], row[3], row[4]) for row in await session.execute(statement)]


def oldest_wait(cells: list[Standing], *, now: datetime) -> float:
    """Seconds for which the oldest due delivery has been waiting for a sender; 0 when none is due."""
    due = [cell.first_due_at for cell in cells if cell.state is State.QUEUED]
    return max(0.0, (now - min(due)).total_seconds()) if due else 0.0
