"""Sweeping: what becomes of deliveries whose process died between claiming and settling them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.outbox.models import Delivery, Road, State

# A dying process is hardly ever the email's fault, but one that dies with it every time has to be looked at.
MOST_DEATHS = 25
_LOST = "the process that was sending it ended; it may have arrived"


@dataclass(frozen=True, slots=True)
class Swept:
    """How many go out again, and how many nobody knows about."""

    queued: int = 0
    unknown: int = 0


async def is_anything_lost(session: AsyncSession, *, now: datetime) -> bool:
    """Asked in a reading session before ``sweep`` takes the writer's turn."""
    return (await session.scalar(sa.select(Delivery.id).where(_expired(now)).limit(1))) is not None


async def sweep(session: AsyncSession, *, now: datetime, harmless: Collection[str] = frozenset()) -> Swept:
    """Take over expired leases: an email goes out again under its Message-ID, a Telegram message becomes ``unknown``.

    An email that has taken its process down with it ``MOST_DEATHS`` times is ``unknown`` too: somebody has to look.
    """
    again = sa.or_(Delivery.kind.in_(harmless), sa.and_(Delivery.road == Road.EMAIL, Delivery.unseen < MOST_DEATHS))
    freed = {"leased_by": None, "lease_until": None, "error": _LOST}
    queued = await _move(session, sa.and_(_expired(now), again), {**freed, "state": State.QUEUED, "unseen": Delivery.unseen + 1})
    unknown = await _move(session, _expired(now), {**freed, "state": State.UNKNOWN, "settled_at": now})
    return Swept(queued, unknown)


def _expired(now: datetime) -> sa.ColumnElement[bool]:
    # The road is named so that the index on (road, state, …) is used.
    return sa.and_(Delivery.road.in_(list(Road)), Delivery.state == State.SENDING, Delivery.lease_until <= now)


async def _move(session: AsyncSession, which: sa.ColumnElement[bool], values: dict[str, object]) -> int:
    result = await session.execute(sa.update(Delivery).where(which).values(values), execution_options={"synchronize_session": False})
    return cast("sa.CursorResult[Any]", result).rowcount
