"""Counting: how far a batch has come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.outbox.models import Delivery, State


async def by_state(session: AsyncSession, batch: str) -> Mapping[State, int]:
    """How many deliveries of a batch are in each state; states without any are left out."""
    statement = sa.select(Delivery.state, sa.func.count()).where(Delivery.batch == batch).group_by(Delivery.state)
    return {row[0]: row[1] for row in await session.execute(statement)}


async def oldest_due(session: AsyncSession, *, now: datetime) -> datetime | None:
    """Since when the oldest due delivery has been waiting; None when nothing is due."""
    statement = sa.select(sa.func.min(Delivery.due_at)).where(Delivery.state == State.QUEUED, Delivery.due_at <= now)
    return await session.scalar(statement)
