"""Subscriptions: which topic a resident gets by which channel; ended with a reason, never deleted."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.residents.models import Channel, Resident, ResidentStatus, Subscription, Topic
from intouch.storage.inserting import insert_ignoring


async def subscribe(session: AsyncSession, resident_id: int, *, topic: Topic, channel: Channel, now: datetime) -> None:
    """Start a subscription; one that is active already stays as it is, and who is erased gets none."""
    target = await session.scalar(_of(resident_id))
    if target is None:
        return
    row = {"resident_id": target, "topic": topic, "channel": channel, "started_at": now, "ended_at": None, "ended_reason": None}
    await insert_ignoring(session, Subscription, [row])


async def unsubscribe(
    session: AsyncSession, resident_id: int, *, topic: Topic | None = None, channel: Channel | None = None, reason: str, now: datetime
) -> int:
    """End the active subscriptions of this topic and channel (all where left out); how many ended."""
    statement = sa.update(Subscription).where(Subscription.resident_id.in_(_of(resident_id)), Subscription.ended_at.is_(None))
    if topic is not None:
        statement = statement.where(Subscription.topic == topic)
    if channel is not None:
        statement = statement.where(Subscription.channel == channel)
    ending = statement.values(ended_at=now, ended_reason=reason).execution_options(synchronize_session=False)
    result = await session.execute(ending)
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


async def ended_since(session: AsyncSession, resident_ids: Collection[int], since: datetime) -> set[int]:
    """Those of these residents who ended a subscription, at that moment or since."""
    ended = sa.select(Subscription.resident_id).where(Subscription.resident_id.in_(resident_ids), Subscription.ended_at >= since)
    return set(await session.scalars(ended))


def gets(*topics: Topic, channel: Channel | None = None) -> sa.ColumnElement[bool]:
    """Of the residents in a statement: whether they get one of the topics (any, when none is named) now, by ``channel`` if given.

    A value that is looked up for each of them. A join begins with all subscriptions of the council on SQLite, for each batch anew,
    and so it does on PostgreSQL, which takes EXISTS for a join, while it has not counted its rows.
    """
    table = Subscription.__table__.c
    held = [table.resident_id == Resident.__table__.c.id, table.ended_at.is_(None)]
    if topics:
        held.append(table.topic.in_(topics))
    if channel is not None:
        held.append(table.channel == channel)
    return sa.select(table.id).where(*held).limit(1).scalar_subquery().is_not(None)


def _of(resident_id: int) -> sa.Select[int]:
    # Links in old letters name the sign-up that was merged into another.
    target = sa.func.coalesce(Resident.merged_into_id, Resident.id)
    is_there = sa.or_(Resident.status != ResidentStatus.ERASED, Resident.merged_into_id.is_not(None))
    return sa.select(target).where(Resident.id == resident_id, is_there)
