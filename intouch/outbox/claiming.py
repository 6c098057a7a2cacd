"""Claiming: taking the deliveries whose turn it is, so that no other process takes them too."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.outbox import addresses, holds
from intouch.outbox.models import Delivery, Lane, Road, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one loop of a worker asks for: up to ``size`` deliveries of a road, lane by lane, held by ``holder``."""

    road: Road
    lanes: tuple[Lane, ...]
    size: int
    holder: str
    lease: timedelta
    may_send_to: Callable[[str], bool]


@dataclass(slots=True)
class Claimed:
    """The deliveries to send, and how many were cancelled or put aside instead."""

    deliveries: list[Delivery] = field(default_factory=list)
    cancelled: int = 0


async def is_anything_due(session: AsyncSession, road: Road, lanes: Sequence[Lane], *, now: datetime) -> bool:
    """Asked in a reading session, so that an idle worker never stands in a writer's way."""
    for lane in lanes:
        if (await session.scalar(_due(road, lane, now).with_only_columns(Delivery.id).limit(1))) is not None:
            return True
    return False


async def claim(session: AsyncSession, wanted: Claim, *, now: datetime) -> Claimed:
    """Mark due deliveries ``sending`` and give them back; the caller commits before it sends.

    SKIP LOCKED lets several processes on PostgreSQL pass each other; on SQLite it compiles to nothing, and
    BEGIN IMMEDIATE has made this the only writer.
    """
    claimed = Claimed()
    for lane in wanted.lanes:
        room = wanted.size - len(claimed.deliveries)
        if room > 0:
            statement = _due(wanted.road, lane, now).order_by(Delivery.due_at).limit(room)
            rows = (await session.scalars(statement.with_for_update(skip_locked=True))).all()
            await _take(session, wanted, rows, claimed, now=now)
    return claimed


def _due(road: Road, lane: Lane, now: datetime) -> sa.Select[Delivery]:
    return sa.select(Delivery).where(Delivery.road == road, Delivery.state == State.QUEUED, Delivery.lane == lane, Delivery.due_at <= now)


async def _take(session: AsyncSession, wanted: Claim, rows: Sequence[Delivery], claimed: Claimed, *, now: datetime) -> None:
    if not rows:
        return
    session.expunge_all()  # they are read on after the commit; what changes below changes in the database alone
    rows, aside = await holds.put_aside(session, rows, now=now)
    claimed.cancelled += aside
    gone = await addresses.dead_among(session, wanted.road, {row.address for row in rows})
    refused: dict[str, list[int]] = {}
    taken: list[Delivery] = []
    for row in rows:
        reason = _why_not(row, gone, wanted.may_send_to)
        if reason:
            refused.setdefault(reason, []).append(row.id)
        else:
            row.tries += 1
            taken.append(row)
    for reason, ids in refused.items():
        await _cancel(session, ids, reason, now)
        claimed.cancelled += len(ids)
    await _lease(session, wanted, [row.id for row in taken], now)
    claimed.deliveries += taken


def _why_not(row: Delivery, gone: Collection[str], may_send_to: Callable[[str], bool]) -> str:
    if not row.address:
        return "there is no address"
    if addresses.same(row.road, row.address) in gone:
        return "the address is gone"
    if not may_send_to(row.address):
        return "SEND_TO does not name this address"
    return ""


async def _lease(session: AsyncSession, wanted: Claim, ids: list[int], now: datetime) -> None:
    if ids:
        lease = {"leased_by": wanted.holder, "lease_until": now + wanted.lease, "begun_at": None}
        await _update(session, ids, {**lease, "state": State.SENDING, "tries": Delivery.tries + 1})


async def _cancel(session: AsyncSession, ids: list[int], reason: str, now: datetime) -> None:
    await _update(session, ids, {"state": State.CANCELLED, "error": reason, "settled_at": now})


async def _update(session: AsyncSession, ids: list[int], values: dict[str, object]) -> None:
    statement = sa.update(Delivery).where(Delivery.id.in_(ids), Delivery.state == State.QUEUED).values(values)
    await session.execute(statement, execution_options={"synchronize_session": False})


async def renew(session: AsyncSession, holder: str, ids: Collection[int], *, until: datetime) -> set[int]:
    """Hold on to deliveries that are still under way; those that are ours after this."""
    kept: set[int] = set()
    waiting = sorted(ids)
    for start in range(0, len(waiting), 1000):
        mine = Delivery.id.in_(waiting[start : start + 1000])
        statement = sa.update(Delivery).where(mine, Delivery.leased_by == holder, Delivery.state == State.SENDING)
        renewed = statement.values(lease_until=until).returning(Delivery.id)
        kept |= set(await session.scalars(renewed, execution_options={"synchronize_session": False}))
    return kept
