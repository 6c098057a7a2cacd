"""Claiming: taking the deliveries whose turn it is, so that no other process takes them too."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.outbox import addresses, holds
from intouch.outbox.models import Delivery, Lane, Road, State
from intouch.outbox.parcel import COLUMNS, TABLE, Parcel, parcel
from intouch.storage.among import among


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

    deliveries: list[Parcel] = field(default_factory=list)
    cancelled: int = 0


async def is_anything_due(session: AsyncSession, road: Road, lanes: Sequence[Lane], *, now: datetime) -> bool:
    """Asked in a reading session, so that an idle worker never stands in a writer's way."""
    for lane in lanes:
        if (await session.scalar(_ANY_DUE, {"road": road, "lane": lane, "now": now})) is not None:
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
            found = await session.execute(_DUE, {"road": wanted.road, "lane": lane, "now": now, "room": room})
            await _take(session, wanted, [parcel(wanted.road, lane, row) for row in found.all()], claimed, now=now)
    return claimed


_IS_DUE = (
    TABLE.c.road == sa.bindparam("road"),
    TABLE.c.state == State.QUEUED,
    TABLE.c.lane == sa.bindparam("lane"),
    TABLE.c.due_at <= sa.bindparam("now"),
)
# Statements that every claim needs are made once: making them anew costs more than SQLite needs to answer.
_ANY_DUE = sa.select(TABLE.c.id).where(*_IS_DUE).limit(1)
_DUE = (
    sa.select(*COLUMNS)
    .where(*_IS_DUE)
    .order_by(TABLE.c.due_at)
    .limit(sa.bindparam("room", type_=sa.Integer))
    .with_for_update(skip_locked=True)
)
_QUEUED_OF = sa.update(TABLE).where(among(TABLE.c.id, "ids"), TABLE.c.state == State.QUEUED)
_LEASE = _QUEUED_OF.values(
    state=State.SENDING,
    tries=TABLE.c.tries + 1,
    leased_by=sa.bindparam("holder"),
    lease_until=sa.bindparam("until"),
    begun_at=None,
)


async def _take(session: AsyncSession, wanted: Claim, rows: Sequence[Parcel], claimed: Claimed, *, now: datetime) -> None:
    if not rows:
        return
    rows, aside = await holds.put_aside(session, rows, now=now)
    claimed.cancelled += aside
    gone = await addresses.dead_among(session, wanted.road, {row.address for row in rows})
    refused: dict[str, list[int]] = {}
    taken: list[Parcel] = []
    for row in rows:
        reason = _why_not(row, gone, wanted.may_send_to)
        if reason:
            refused.setdefault(reason, []).append(row.id)
        else:
            taken.append(row)
    for reason, ids in refused.items():
        await _cancel(session, ids, reason, now)
        claimed.cancelled += len(ids)
    await _lease(session, wanted, [row.id for row in taken], now)
    claimed.deliveries += taken


def _why_not(row: Parcel, gone: Collection[str], may_send_to: Callable[[str], bool]) -> str:
    if not row.address:
        return "there is no address"
    if gone and addresses.same(row.road, row.address) in gone:
        return "the address is gone"
    if not may_send_to(row.address):
        return "SEND_TO does not name this address"
    return ""


async def _lease(session: AsyncSession, wanted: Claim, ids: list[int], now: datetime) -> None:
    if ids:
        await session.execute(_LEASE, {"ids": ids, "holder": wanted.holder, "until": now + wanted.lease})


async def _cancel(session: AsyncSession, ids: list[int], reason: str, now: datetime) -> None:
    values = {"state": State.CANCELLED, "error": reason, "settled_at": now}
    await session.execute(_QUEUED_OF.values(values), {"ids": ids})


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
