"""Dialogues: which half-finished thing hears the next message a person types to the bot."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.residents.models import Dialogue, DialogueKind, HandledUpdate


async def current(session: AsyncSession, telegram_id: int) -> Dialogue | None:
    """The dialogue that has this person's attention, if any."""
    return await session.get(Dialogue, telegram_id)


async def begin(session: AsyncSession, telegram_id: int, kind: DialogueKind, subject_id: int | None, *, now: datetime) -> None:
    """Turn this person's attention to ``kind``; whatever had it before keeps its own rows."""
    await session.merge(Dialogue(telegram_id=telegram_id, kind=kind, subject_id=subject_id, opened_at=now))
    await session.flush()


async def end(session: AsyncSession, telegram_id: int) -> None:
    """Nothing hears the next message any more."""
    await session.execute(sa.delete(Dialogue).where(Dialogue.telegram_id == telegram_id))


async def is_new_update(session: AsyncSession, update_id: int, *, now: datetime) -> bool:
    """Note that this update is handled; false when it was handled before."""
    known = await session.scalar(sa.select(HandledUpdate.update_id).where(HandledUpdate.update_id == update_id))
    if known is None:
        session.add(HandledUpdate(update_id=update_id, handled_at=now))
        await session.flush()
    return known is None
