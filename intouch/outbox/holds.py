"""Holds: pausing, resuming and cancelling a batch while it goes out, and holding everything back after a restore."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.errors import Closed
from intouch.outbox import sweeping
from intouch.outbox.models import WAITING, BatchHold, Delivery, Lane, Road, Stand, State
from intouch.outbox.parcel import Parcel
from intouch.storage.inserting import insert

EVERYTHING = "*"
RESTORED = "the database was restored from a backup; waits for `intouch delivery approve`"
CHUNK = 10_000
_ORDERS = sa.select(BatchHold)
_STOPPED = sa.select(BatchHold.batch).where(BatchHold.stand.in_((Stand.PAUSED, Stand.CANCELLED)))
_STATES = {Stand.PAUSED: State.PAUSED, Stand.CANCELLED: State.CANCELLED, Stand.HELD: State.HELD}


async def order(session: AsyncSession, batches: Collection[str], stand: Stand, *, by: str, now: datetime) -> int:
    """Write down that these batches are paused or cancelled; commit at once, then ``move``. How many are new orders.

    Every sender reads the orders with each claim, and twice a second for what it has claimed already. What was cancelled
    stays so.
    """
    changed = 0
    for batch in sorted(batches):
        row = {"batch": batch, "stand": stand, "by": by, "at": now}
        statement = insert(session, BatchHold).values(row)
        differs = sa.and_(BatchHold.stand != stand, BatchHold.stand != Stand.CANCELLED)
        changed += await _changed(session, statement.on_conflict_do_update(index_elements=["batch"], set_=row, where=differs))
    return changed


async def move(session: AsyncSession, batches: Collection[str], stand: Stand, *, by: str, now: datetime, most: int = CHUNK) -> int:
    """Put up to ``most`` deliveries that wait to where the order wants them; call it until it says 0."""
    to = _STATES[stand]
    movable = WAITING if stand is Stand.CANCELLED else (State.QUEUED,)
    some = sa.select(Delivery.id).where(Delivery.batch.in_(batches), Delivery.state.in_(movable)).limit(most)
    values = _values(to, _reason(stand, by), now)
    return await _changed(session, sa.update(Delivery).where(Delivery.id.in_(some), Delivery.state.in_(movable)).values(values))


async def resume(session: AsyncSession, batches: Collection[str]) -> int:
    """Take back the order to pause and queue what it kept, in one transaction; how many deliveries go on.

    What is cancelled among these stays so; raises ``Closed`` where all are.
    """
    gone = await cancelled(session, batches)
    if gone and gone >= set(batches):
        raise Closed("That was cancelled, and what is cancelled stays so: nothing of it can be resumed.")
    ordered = sa.delete(BatchHold).where(BatchHold.batch.in_(batches), BatchHold.stand == Stand.PAUSED).returning(BatchHold.batch)
    resumed = list(await session.scalars(ordered, execution_options={"synchronize_session": False}))
    # Whoever lets this batch go on while all others are held means it, and may have approved it before it was paused.
    await _approve_some(session, resumed)
    paused = sa.update(Delivery).where(Delivery.batch.in_(set(batches) - gone), Delivery.state == State.PAUSED)
    return await _changed(session, paused.values(state=State.QUEUED, error=None))


async def cancelled(session: AsyncSession, batches: Collection[str]) -> set[str]:
    """Those of these batches that were cancelled."""
    found = sa.select(BatchHold.batch).where(BatchHold.batch.in_(batches), BatchHold.stand == Stand.CANCELLED)
    return set(await session.scalars(found))


async def hold_all(session: AsyncSession, *, by: str, now: datetime) -> int:
    """Everything that is not settled waits for ``approve``, and so does all bulk that is made until then; how many wait.

    So does what a process had claimed that has ended, unless it may have arrived: then it is ``unknown``. One that is alive
    settles what it has begun and gives back the rest (``Recalls``), which the claim puts aside.
    """
    await _changed(session, sa.delete(BatchHold).where(BatchHold.stand == Stand.APPROVED))  # that was after another restore
    row = {"batch": EVERYTHING, "stand": Stand.HELD, "by": by, "at": now}
    statement = insert(session, BatchHold).values(row)
    await session.execute(statement.on_conflict_do_update(index_elements=["batch"], set_=row))
    await sweeping.sweep(session, now=now)
    return await _hold(session, sa.true())


async def hold_older(session: AsyncSession, *, now: datetime) -> int:
    """Hold what a sender has given back since everything was held at ``now``, and what the schedule has made since; how many."""
    return await _hold(session, sa.or_(Delivery.lane == Lane.BULK, Delivery.created_at < now))


async def _hold(session: AsyncSession, which: sa.ColumnElement[bool]) -> int:
    # The road is named so that the index on (road, state, …) is used.
    waits = (Delivery.road.in_(list(Road)), Delivery.state.in_((State.QUEUED, State.PAUSED)), which)
    return await _changed(session, sa.update(Delivery).where(*waits).values(state=State.HELD, error=RESTORED))


async def approve(session: AsyncSession, batches: Collection[str] | None = None) -> int:
    """Let what was held go out, all of it or only some batches; how many. All of it also ends holding back new bulk.

    A batch that was paused before the restore is found paused again by the next claim.
    """
    held = sa.update(Delivery).where(Delivery.road.in_(list(Road)), Delivery.state == State.HELD)
    if batches is None:
        await _changed(session, sa.delete(BatchHold).where(BatchHold.batch == EVERYTHING))
    else:
        held = held.where(Delivery.batch.in_(batches))
        await _approve_some(session, batches)
    return await _changed(session, held.values(state=State.QUEUED, error=None))


async def _approve_some(session: AsyncSession, batches: Collection[str]) -> None:
    """Note that these batches go out although all other bulk is held, if it is."""
    everything = await session.scalar(sa.select(BatchHold).where(BatchHold.batch == EVERYTHING))
    if everything is None:
        return
    for batch in sorted(batches):
        row = {"batch": batch, "stand": Stand.APPROVED, "by": everything.by, "at": everything.at}
        await session.execute(insert(session, BatchHold).values(row).on_conflict_do_nothing(index_elements=["batch"]))


async def standing(session: AsyncSession) -> list[BatchHold]:
    """Every order that stands, the newest first."""
    return list(await session.scalars(sa.select(BatchHold).order_by(BatchHold.at.desc(), BatchHold.batch)))


async def held_since(session: AsyncSession) -> datetime | None:
    """Since when everything waits for ``approve``; None when it does not."""
    moment: datetime | None = await session.scalar(sa.select(BatchHold.at).where(BatchHold.batch == EVERYTHING))
    return moment


async def stopped(session: AsyncSession) -> frozenset[str]:
    """The batches of which nothing may be begun now."""
    return frozenset(await session.scalars(_STOPPED))


async def put_aside(session: AsyncSession, rows: Sequence[Parcel], *, now: datetime) -> tuple[Sequence[Parcel], int]:
    """For the claim: the rows that may go out, and how many were moved to where an order wants them."""
    orders = {hold.batch: hold for hold in await session.scalars(_ORDERS)}
    if not orders:
        return rows, 0
    free: list[Parcel] = []
    aside: dict[tuple[Stand, str], list[int]] = {}
    everything = orders.get(EVERYTHING)
    for row in rows:
        hold = orders.get(row.batch or "")
        if hold is None and everything is not None and (row.lane is Lane.BULK or row.created_at < everything.at):
            hold = everything
        if hold is None or hold.stand is Stand.APPROVED:
            free.append(row)
        else:
            aside.setdefault((hold.stand, hold.by), []).append(row.id)
    for (stand, by), ids in aside.items():
        values = _values(_STATES[stand], _reason(stand, by), now)
        await _changed(session, sa.update(Delivery).where(Delivery.id.in_(ids), Delivery.state == State.QUEUED).values(values))
    return free, len(rows) - len(free)


def _values(state: State, reason: str, now: datetime) -> dict[str, Any]:
    return {"state": state, "error": reason, "settled_at": now if state is State.CANCELLED else None}


def _reason(stand: Stand, by: str) -> str:
    return RESTORED if stand is Stand.HELD else f"{stand.value} by {by}"


async def _changed(session: AsyncSession, statement: Any) -> int:
    result = await session.execute(statement, execution_options={"synchronize_session": False})
    return max(0, cast("sa.CursorResult[Any]", result).rowcount)
