"""Retrying: what an officer decides about deliveries that failed, or of which nobody knows whether they arrived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.outbox.holds import EVERYTHING
from intouch.outbox.listing import Wanted
from intouch.outbox.models import WAITING, BatchHold, DeadAddress, Delivery, Lane, Stand, State

OPEN_ENDS = (State.FAILED, State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Retried:
    """How many go out again, and how many do not because nobody is at their address any more, or their batch was cancelled.

    ``waiting`` are those that go out when their batch is resumed or approved.
    """

    queued: int = 0
    gone: int = 0
    cancelled: int = 0
    waiting: int = 0


async def retry(session: AsyncSession, wanted: Wanted, *, now: datetime) -> Retried:
    """Send failed and unknown deliveries again, as they were: an email keeps its Message-ID.

    One that is older than the worker's patience is tried for some hours. A Telegram message that did arrive arrives twice.
    """
    conditions = wanted.within(OPEN_ENDS)
    dead = sa.exists().where(DeadAddress.road == Delivery.road, DeadAddress.address == sa.func.lower(sa.func.trim(Delivery.address)))
    nobody_there = sa.or_(dead, Delivery.address == "")
    cancelled = sa.exists().where(BatchHold.batch == Delivery.batch, BatchHold.stand == Stand.CANCELLED)
    free = [*conditions, sa.not_(cancelled)]
    number = sa.select(sa.func.count()).select_from(Delivery)
    gone = await session.scalar(number.where(*free, nobody_there))
    stopped = await session.scalar(number.where(*conditions, cancelled))
    waiting = await session.scalar(number.where(*free, sa.not_(nobody_there), _waits()))
    # Its pauses begin anew; that it had been tried stays known, to who counts and to who hears a bounce of it.
    tried = sa.case((Delivery.tries > 0, 1), else_=0)
    fresh = {"state": State.QUEUED, "due_at": now, "settled_at": None, "error": None, "tries": tried, "unseen": 0}
    return Retried(await _change(session, [*free, sa.not_(nobody_there)], fresh), gone or 0, stopped or 0, waiting or 0)


def _waits() -> sa.ColumnElement[bool]:
    theirs = sa.select(BatchHold.stand).where(BatchHold.batch == Delivery.batch).correlate(Delivery).scalar_subquery()
    is_older = sa.or_(Delivery.lane == Lane.BULK, Delivery.created_at < BatchHold.at)
    is_held = sa.exists().where(BatchHold.batch == EVERYTHING, is_older)
    return sa.or_(theirs == Stand.PAUSED, sa.and_(is_held, theirs.is_(None)))


async def let_be(session: AsyncSession, wanted: Wanted, *, by: str, now: datetime) -> int:
    """Take what may have arrived as arrived: it is not sent again, and nobody is asked about it any more."""
    settled = {"state": State.CANCELLED, "error": f"may have arrived; let be by {by}", "settled_at": now}
    return await _change(session, wanted.within([State.UNKNOWN]), settled)


async def drop(session: AsyncSession, wanted: Wanted, *, by: str, now: datetime) -> int:
    """Cancel what waits: queued, paused or held."""
    dropped = {"state": State.CANCELLED, "error": f"dropped by {by}", "settled_at": now}
    return await _change(session, wanted.within(WAITING), dropped)


async def _change(session: AsyncSession, conditions: list[sa.ColumnElement[bool]], values: dict[str, Any]) -> int:
    statement = sa.update(Delivery).where(*conditions).values(values)
    result = await session.execute(statement, execution_options={"synchronize_session": False})
    return max(0, cast("sa.CursorResult[Any]", result).rowcount)
