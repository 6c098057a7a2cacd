"""Reaching: what happens when Telegram or a mail server says that a resident is gone, and when they are back."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.outbox.models import Road
from intouch.residents import deliveries
from intouch.residents.models import Channel, Resident, Subscription


async def telegram_gone(session: AsyncSession, telegram_id: int, *, now: datetime) -> None:
    """They blocked the bot: nothing is written to this chat until they send /start."""
    reachable = sa.update(Resident).where(Resident.telegram_id == telegram_id, Resident.telegram_blocked_at.is_(None))
    await session.execute(reachable.values(telegram_blocked_at=now))


async def telegram_back(session: AsyncSession, telegram_id: int, *, now: datetime) -> None:
    """They wrote to the bot again: what they subscribed to comes as before."""
    await session.execute(sa.update(Resident).where(Resident.telegram_id == telegram_id).values(telegram_blocked_at=None))
    await deliveries.revive(session, [str(telegram_id)], road=Road.TELEGRAM)


async def email_gone(session: AsyncSession, address: str, *, now: datetime, reason: str = "address gone") -> int:
    """The mailbox does not exist any more, or wants nothing of us: its owner's subscriptions by email end; how many."""
    owners = sa.select(Resident.id).where(Resident.email == address.strip().lower(), Resident.email_confirmed_at.is_not(None))
    held = sa.update(Subscription).where(
        Subscription.resident_id.in_(owners), Subscription.channel == Channel.EMAIL, Subscription.ended_at.is_(None)
    )
    ending = held.values(ended_at=now, ended_reason=reason).execution_options(synchronize_session=False)
    return cast("sa.CursorResult[Any]", await session.execute(ending)).rowcount
