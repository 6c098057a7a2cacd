"""Listing: which deliveries of a batch are in a state, such as who did not get an edition; walked in pages, never loaded whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.outbox.models import Delivery, Road, State
from intouch.outbox.parcel import TABLE
from intouch.storage.among import among

PAGE = 1000
NO_BATCH = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which deliveries: those of these batches, in these states, with these numbers; what is None leaves nothing out.

    ``NO_BATCH`` among the batches stands for those that went out alone.
    """

    batches: Collection[str] | None = None
    states: Collection[State] | None = None
    numbers: Collection[int] | None = None

    def within(self, states: Collection[State]) -> list[sa.ColumnElement[bool]]:
        """As conditions, of those in ``states`` only."""
        chosen = [state for state in states if self.states is None or state in self.states]
        found: list[sa.ColumnElement[bool]] = [Delivery.state.in_(chosen)]
        if self.batches is not None:
            theirs = Delivery.batch.in_([batch for batch in self.batches if batch != NO_BATCH])
            found.append(sa.or_(theirs, Delivery.batch.is_(None)) if NO_BATCH in self.batches else theirs)
        if self.numbers is not None:
            found.append(Delivery.id.in_(self.numbers))
        if self.numbers is None and (self.batches is None or NO_BATCH in self.batches):
            found.append(Delivery.road.in_(list(Road)))  # named so that the index on (road, state, …) is used
        return found


@dataclass(frozen=True, slots=True)
class Listed:
    """One delivery as an officer sees it. ``error`` is why it stands where it does."""

    number: int
    key: str
    kind: str
    road: str
    address: str
    owner: str | None
    batch: str | None
    state: str
    tries: int
    error: str | None
    due_at: datetime
    settled_at: datetime | None


_COLUMNS = [TABLE.c["id" if field.name == "number" else field.name] for field in fields(Listed)]
_PAGE = sa.select(*_COLUMNS).where(among(TABLE.c.id, "page")).order_by(TABLE.c.id)


async def has_batch(session: AsyncSession, batch: str) -> bool:
    """Whether anything was ever queued under this name."""
    return await session.scalar(sa.select(Delivery.id).where(Delivery.batch == batch).limit(1)) is not None


async def count(session: AsyncSession, wanted: Wanted) -> dict[State, int]:
    """How many there are in each state."""
    statement = sa.select(Delivery.state, sa.func.count()).where(*wanted.within(list(State))).group_by(Delivery.state)
    return {row[0]: row[1] for row in await session.execute(statement)}


async def walk(session: AsyncSession, wanted: Wanted, *, most: int | None = None) -> AsyncIterator[Listed]:
    """All of them in the order in which they were made; ``most`` ends it earlier.

    Their numbers are held, 40 MB for a million: to find all anew for each page took the longer the more there were.
    """
    found = sa.select(Delivery.id).where(*wanted.within(list(State))).order_by(Delivery.id).limit(most)
    numbers = list(await session.scalars(found))
    for start in range(0, len(numbers), PAGE):
        for row in await session.execute(_PAGE, {"page": numbers[start : start + PAGE]}):
            listed = Listed(*row)
            if wanted.states is None or listed.state in wanted.states:  # else a sender has gone on meanwhile
                yield listed


async def unknown_by_batch(session: AsyncSession) -> list[tuple[str, int]]:
    """The batches with deliveries of which nobody knows whether they arrived, and how many; those of none under ``NO_BATCH``."""
    batch = sa.func.coalesce(Delivery.batch, NO_BATCH).label("batch")
    statement = sa.select(batch, sa.func.count()).where(Delivery.road.in_(list(Road)), Delivery.state == State.UNKNOWN)
    return [(row[0], row[1]) for row in await session.execute(statement.group_by(batch).order_by(batch))]
