"""Subscriptions: which topic a resident gets by which channel; ended with a reason, never deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.residents.models import Channel, Subscription, Topic
from intouch.storage.inserting import insert_ignoring


async def subscribe(session: AsyncSession, resident_id: int, *, topic: Topic, channel: Channel, now: datetime) -> None:
    """Start a subscription; one that is active already stays as it is."""
    row = {"resident_id": resident_id, "topic": topic, "channel": channel, "started_at": now, "ended_at": None, "ended_reason": None}
    await insert_ignoring(session, Subscription, [row])


async def unsubscribe(
    session: AsyncSession, resident_id: int, *, topic: Topic | None = None, channel: Channel | None = None, reason: str, now: datetime
) -> int:
    """End the active subscriptions of this topic and channel (all where left out); how many ended."""
    statement = sa.update(Subscription).where(Subscription.resident_id == resident_id, Subscription.ended_at.is_(None))
    if topic is not None:
        statement = statement.where(Subscription.topic == topic)
    if channel is not None:
        statement = statement.where(Subscription.channel == channel)
    result = await session.execute(statement.values(ended_at=now, ended_reason=reason))
    return cast("sa.CursorResult[Any]", result).rowcount


async def active(session: AsyncSession, resident_id: int) -> list[Subscription]:
    """What this resident gets now, oldest first."""
    query = sa.select(Subscription).where(Subscription.resident_id == resident_id, Subscription.ended_at.is_(None))
    return list(await session.scalars(query.order_by(Subscription.id).execution_options(populate_existing=True)))


async def has(session: AsyncSession, resident_id: int, *, topic: Topic, channel: Channel) -> bool:
    """Whether this resident gets ``topic`` by ``channel`` now."""
    query = sa.select(Subscription.id).where(
        Subscription.resident_id == resident_id,
        Subscription.topic == topic,
        Subscription.channel == channel,
        Subscription.ended_at.is_(None),
    )
    return await session.scalar(query) is not None
