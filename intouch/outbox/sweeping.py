"""Sweeping: what becomes of deliveries whose process died between claiming and settling them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.outbox.models import Delivery, Road, State

# A dying process is hardly ever the email's fault, but one that dies with it every time has to be looked at.
MOST_DEATHS = 25
# No lease is this long: one that ends later was given before the clock was set back.
LONGEST_LEASE = timedelta(minutes=5)
# Whoever is alive renews a lease well within this time.
ANEW = timedelta(minutes=1)
_LOST = "the process that was sending it ended; it may have arrived"
_DEADLY = "each process that took it ended before sending it; it has not arrived"
# The road is named so that the index on (road, state, …) is used.
_SENDING = (Delivery.road.in_(list(Road)), Delivery.state == State.SENDING)


@dataclass(frozen=True, slots=True)
class Swept:
    """How many go out again, and how many nobody knows about."""

    queued: int = 0
    unknown: int = 0


async def holders(session: AsyncSession) -> set[str]:
    """Who holds deliveries just now."""
    return {name for name in await session.scalars(sa.select(Delivery.leased_by).where(*_SENDING).distinct()) if name}


async def is_anything_lost(session: AsyncSession, *, now: datetime) -> bool:
    """Asked in a reading session before ``sweep`` takes the writer's turn."""
    lost = sa.or_(_expired(now), _too_long(now))
    return (await session.scalar(sa.select(Delivery.id).where(lost).limit(1))) is not None


async def sweep(
    session: AsyncSession, *, now: datetime, harmless: Collection[str] = frozenset(), ended: Collection[str] = frozenset()
) -> Swept:
    """Take over expired leases and those of holders that have ``ended``.

    An email goes out again under its Message-ID, and so does a chat message that was not begun.
    A chat message that was begun becomes ``unknown``: it may have arrived. What has taken its process down with it
    ``MOST_DEATHS`` times is ``unknown`` too: somebody has to look.
    A lease from before the clock was set back is shortened: the living renew it, that of the dead runs out (docs/decisions/0150).
    """
    await _move(session, _too_long(now), {"lease_until": now + ANEW})
    again = sa.or_(Delivery.kind.in_(harmless), sa.and_(Delivery.begun_at.is_(None), Delivery.unseen < MOST_DEATHS))
    freed = {"leased_by": None, "lease_until": None, "error": _LOST}
    lost = sa.or_(_expired(now), sa.and_(*_SENDING, Delivery.leased_by.in_(ended)))
    queued = await _move(session, sa.and_(lost, again), {**freed, "state": State.QUEUED, "unseen": Delivery.unseen + 1})
    unknown: dict[str, object] = {**freed, "state": State.UNKNOWN, "settled_at": now}
    unsent = sa.and_(lost, Delivery.road == Road.TELEGRAM, Delivery.begun_at.is_(None))
    deadly = await _move(session, unsent, {**unknown, "error": _DEADLY})
    return Swept(queued, deadly + await _move(session, lost, unknown))


def _expired(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(*_SENDING, Delivery.lease_until <= now)


def _too_long(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(*_SENDING, Delivery.lease_until > now + LONGEST_LEASE)


async def _move(session: AsyncSession, which: sa.ColumnElement[bool], values: dict[str, object]) -> int:
    # Not those that a process has in its hands which was stopped while it wrote: all others would wait with them.
    free = sa.select(Delivery.id).where(which).with_for_update(skip_locked=True)
    statement = sa.update(Delivery).where(Delivery.id.in_(free)).values(values)
    result = await session.execute(statement, execution_options={"synchronize_session": False})
    return cast("sa.CursorResult[Any]", result).rowcount
