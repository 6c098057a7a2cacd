"""Dialogues: which half-finished thing hears the next message a person types to the bot."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.residents.models import Dialogue, DialogueKind, HandledUpdate
from intouch.storage.inserting import insert_new


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
    return bool(await new_updates(session, [update_id], now=now))


async def new_updates(session: AsyncSession, update_ids: Collection[int], *, now: datetime) -> set[int]:
    """Note that these updates are handled; those that were not handled before."""
    rows = [{"update_id": update_id, "handled_at": now} for update_id in sorted(update_ids)]
    return set(await insert_new(session, HandledUpdate, rows, conflict=["update_id"]))
