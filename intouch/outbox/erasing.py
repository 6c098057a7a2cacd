"""Erasing: what a person's deliveries keep when they leave: that something was sent, not what or where."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.outbox.models import WAITING, DeadAddress, Delivery, State


async def forget(session: AsyncSession, *, owner: str, now: datetime | None = None) -> int:
    """Blank address, payload, provider's number and error of all deliveries of ``owner``, and cancel those still queued.

    One that is being sent at this moment can't be called back; it is blank all the same, and never goes out again.
    """
    theirs = sa.select(Delivery.road, Delivery.address).where(Delivery.owner == owner)
    await session.execute(
        sa.delete(DeadAddress).where(sa.tuple_(DeadAddress.road, DeadAddress.address).in_(theirs)),
        execution_options={"synchronize_session": False},
    )
    blank: dict[str, Any] = {"address": "", "payload": {}, "provider_id": None, "error": None}
    mine = sa.update(Delivery).where(Delivery.owner == owner)
    waiting = mine.where(Delivery.state.in_(WAITING)).values(**blank, state=State.CANCELLED, settled_at=now)
    cancelled = await session.execute(waiting, execution_options={"synchronize_session": False})
    others = await session.execute(mine.where(Delivery.address != "").values(**blank), execution_options={"synchronize_session": False})
    return sum(cast("sa.CursorResult[Any]", result).rowcount for result in (cancelled, others))


async def cancel(session: AsyncSession, *, owner: str, batch: str | None = None, reason: str, now: datetime) -> int:
    """Cancel what is still queued for ``owner`` (of one ``batch`` only): an unsubscription reaches queued messages too."""
    statement = sa.update(Delivery).where(Delivery.owner == owner, Delivery.state.in_(WAITING))
    if batch is not None:
        statement = statement.where(Delivery.batch == batch)
    values = statement.values(state=State.CANCELLED, error=reason, settled_at=now)
    result = await session.execute(values, execution_options={"synchronize_session": False})
    return cast("sa.CursorResult[Any]", result).rowcount
