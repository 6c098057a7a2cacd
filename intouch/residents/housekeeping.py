"""Housekeeping: what is forgotten by itself: sign-ups that nobody finished, and notes of updates long handled."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.residents import deliveries
from intouch.residents.models import Dialogue, DialogueKind, HandledUpdate, Resident, ResidentStatus

DRAFTS_KEPT = timedelta(days=14)
UPDATES_KEPT = timedelta(days=7)  # Telegram itself keeps an undelivered update for one day
_AT_A_TIME = 500


async def forget_drafts(session: AsyncSession, *, now: datetime) -> int:
    """Delete sign-ups that nobody went on with for two weeks, notes of old updates and replies to strangers; the number of sign-ups.

    A few hundred at a time: what is left over goes with the next tick.
    """
    await session.execute(sa.delete(HandledUpdate).where(HandledUpdate.handled_at < now - UPDATES_KEPT))
    await deliveries.forget_strangers(session)
    asked_lately = sa.select(Dialogue.telegram_id).where(Dialogue.opened_at >= now - DRAFTS_KEPT)
    old = sa.select(Resident.id, Resident.telegram_id, Resident.email, Resident.email_to_confirm).where(
        Resident.status.in_([ResidentStatus.DRAFT, ResidentStatus.STOPPED]),
        Resident.joined_at.is_(None),
        Resident.created_at < now - DRAFTS_KEPT,
        sa.or_(Resident.telegram_id.is_(None), Resident.telegram_id.not_in(asked_lately)),
    )
    rows = (await session.execute(old.order_by(Resident.id).limit(_AT_A_TIME))).all()
    ids = [row.id for row in rows]
    chats = [row.telegram_id for row in rows if row.telegram_id is not None]
    addresses = [str(chat) for chat in chats] + [one for row in rows for one in (row.email, row.email_to_confirm) if one]
    await deliveries.blank(session, ids, addresses, now=now)
    await session.execute(
        sa.delete(Dialogue).where(Dialogue.telegram_id.in_(chats), Dialogue.kind.in_([DialogueKind.SIGNUP, DialogueKind.ERASE]))
    )
    await session.execute(sa.delete(Resident).where(Resident.id.in_(ids)))
    return len(ids)
