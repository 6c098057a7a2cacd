"""Recipients: everybody whom an edition goes to, put into the outbox in one statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council.models import Councillor
from intouch.digest.models import Audience
from intouch.outbox.models import Delivery, Lane, Road, State
from intouch.residents import subscriptions
from intouch.residents.models import Channel, Resident, ResidentStatus, Topic
from intouch.storage.inserting import insert

DIGEST = "edition.digest"
BRIEFING = "edition.briefing"


async def enqueue(session: AsyncSession, audience: Audience, edition_id: int, period: str, *, ward_id: int, now: datetime) -> int:
    """One delivery per recipient and period; how many were added.

    The key names the period and the person, not the edition: whoever moves to another ward during the week, or whose ward
    was replaced by a new one, still gets one digest that week.
    """
    if audience is Audience.DIGEST:
        return await _insert(session, DIGEST, edition_id, _subscribers(period, ward_id), road=Road.EMAIL, now=now)
    by_email = await _insert(session, BRIEFING, edition_id, _councillors(period, ward_id), road=Road.EMAIL, now=now)
    chats = _linked_councillors(period, ward_id)
    return by_email + await _insert(session, BRIEFING, edition_id, chats, road=Road.TELEGRAM, now=now)


def _subscribers(period: str, ward_id: int) -> sa.Select[*tuple[Any, ...]]:
    number = sa.cast(Resident.id, sa.Text)
    return (
        sa.select(sa.literal(f"digest:{period}:") + number, sa.literal("resident:") + number, Resident.email)
        .where(Resident.ward_id == ward_id, Resident.status == ResidentStatus.ACTIVE, Resident.email_confirmed_at.is_not(None))
        .where(subscriptions.gets(Topic.DIGEST, channel=Channel.EMAIL))
    )


def _councillors(period: str, ward_id: int) -> sa.Select[*tuple[Any, ...]]:
    number = sa.cast(Councillor.id, sa.Text)
    return sa.select(sa.literal(f"briefing:{period}:") + number, sa.literal("councillor:") + number, Councillor.email).where(
        Councillor.ward_id == ward_id, Councillor.is_active, Councillor.email != ""
    )


def _linked_councillors(period: str, ward_id: int) -> sa.Select[*tuple[Any, ...]]:
    number = sa.cast(Councillor.id, sa.Text)
    chat = sa.cast(Councillor.telegram_id, sa.Text)
    return sa.select(sa.literal(f"briefing:{period}:") + number + ":telegram", sa.literal("councillor:") + number, chat).where(
        Councillor.ward_id == ward_id, Councillor.is_active, Councillor.telegram_id.is_not(None)
    )


async def _insert(
    session: AsyncSession, kind: str, edition_id: int, people: sa.Select[*tuple[Any, ...]], *, road: Road, now: datetime
) -> int:
    same_for_all = {
        Delivery.kind: kind,
        Delivery.road: road,
        Delivery.lane: Lane.BULK,
        Delivery.payload: {"edition": edition_id},
        Delivery.batch: f"edition:{edition_id}",
        Delivery.state: State.QUEUED,
        Delivery.tries: 0,
        Delivery.due_at: now,
        Delivery.created_at: now,
    }
    columns = [Delivery.key, Delivery.owner, Delivery.address, *same_for_all]
    rows = people.add_columns(*[sa.literal(value, column.type) for column, value in same_for_all.items()])
    rows = rows.order_by(sa.literal_column("1"))  # of the key, as three of the indexes have it: each of their pages is met once
    statement = (
        insert(session, Delivery).from_select([column.key for column in columns], rows).on_conflict_do_nothing(index_elements=["key"])
    )
    return max(0, cast("sa.CursorResult[Any]", await session.execute(statement)).rowcount)
