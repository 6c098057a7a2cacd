"""Recalling: what is claimed and waits for its turn is given back when its reader has left, or all was held, in the meantime."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.outbox import addresses, holds
from intouch.outbox.models import Road
from intouch.outbox.parcel import TABLE, Parcel
from intouch.storage.among import among

# Of these owners (``resident:7``), those who ended something that they got, at that moment or since.
WhoLeft = Callable[[AsyncSession, Collection[str], datetime], Awaitable[Collection[str]]]

WAITS = 1.0  # seconds; a mail server that keeps its usual pace has long taken what was claimed then, and nobody is asked about
_TWO_CLOCKS = timedelta(seconds=5)  # another machine's may be behind ours
_BLANKED = sa.select(TABLE.c.id).where(among(TABLE.c.id, "ids"), TABLE.c.address == "")


@dataclass(slots=True, eq=False)
class _Batch:
    left: dict[int, Parcel]
    claimed_at: datetime
    begun: float


class Recalls:
    """The batches under way. The renderer has decided about each delivery when it was claimed; with a slow mail server that may be
    minutes ago. What is given back is claimed anew, and then it decides again."""

    def __init__(self, who_left: WhoLeft | None) -> None:
        self._who_left = who_left
        self._batches: set[_Batch] = set()
        self._held_at: datetime | None = None

    @contextmanager
    def watch(self, left: dict[int, Parcel], *, claimed_at: datetime) -> Iterator[None]:
        """Until this ends, what is ``left`` of a batch is looked at again."""
        batch = _Batch(left, claimed_at, time.monotonic())
        self._batches.add(batch)
        try:
            yield
        finally:
            self._batches.discard(batch)

    async def look(self, session: AsyncSession) -> set[int]:
        """The deliveries that have waited long and are not to be sent as they are; all of them when all was held since the last look."""
        if await self._is_all_held_now(session):
            return {number for batch in self._batches for number in batch.left}
        found: set[int] = set()
        for batch in [one for one in self._batches if one.left and time.monotonic() - one.begun > WAITS]:
            found |= await self._of(session, batch, list(batch.left.values()))
        return found

    async def _is_all_held_now(self, session: AsyncSession) -> bool:
        before, self._held_at = self._held_at, await holds.held_since(session)
        return self._held_at not in (None, before)

    async def _of(self, session: AsyncSession, batch: _Batch, waiting: list[Parcel]) -> set[int]:
        gone = {(road, one) for road in Road for one in await self._dead(session, road, waiting)}
        owners = {parcel.owner for parcel in waiting if parcel.owner}
        left = set(await self._who_left(session, owners, batch.claimed_at - _TWO_CLOCKS)) if self._who_left else set()
        blanked = await session.scalars(_BLANKED, {"ids": [parcel.id for parcel in waiting]})
        unwanted = [one.id for one in waiting if one.owner in left or (one.road, addresses.same(one.road, one.address)) in gone]
        return {*blanked, *unwanted}

    async def _dead(self, session: AsyncSession, road: Road, waiting: list[Parcel]) -> set[str]:
        asked = {parcel.address for parcel in waiting if parcel.road is road}
        return await addresses.dead_among(session, road, asked) if asked else set()
