"""Figures: which editions there are and how their deliveries stand, counted by the database."""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.digest.batches import batch_of
from intouch.digest.models import Audience, Edition, EditionStatus
from intouch.outbox.parcel import TABLE
from intouch.storage.among import among


@dataclass(frozen=True)
class PeriodFigures:
    """One period of an audience: its number of editions by status, and of their deliveries by state."""

    period: str
    editions: dict[str, int] = field(default_factory=dict)
    deliveries: dict[str, int] = field(default_factory=dict)


async def by_period(session: AsyncSession, audience: Audience, *, most: int = 10) -> list[PeriodFigures]:
    """The latest periods, the newest first."""
    newest = sa.select(Edition.period).where(Edition.audience == audience).distinct().order_by(Edition.period.desc()).limit(most)
    figures = {period: PeriodFigures(period) for period in await session.scalars(newest)}
    editions = sa.select(Edition.id, Edition.period, Edition.status)
    of_batch: dict[str, PeriodFigures] = {}
    for edition in await session.execute(editions.where(Edition.audience == audience, Edition.period.in_(list(figures)))):
        of_batch[batch_of(edition.id)] = theirs = figures[edition.period]
        theirs.editions[edition.status.value] = theirs.editions.get(edition.status.value, 0) + 1
    # By batch, as its index has them: a million put into order by period took twenty times as long.
    for batch, state, number in await session.execute(_BY_BATCH, {"batches": list(of_batch)}):
        deliveries = of_batch[batch].deliveries
        deliveries[state.value] = deliveries.get(state.value, 0) + number
    return list(figures.values())


_BY_BATCH = (
    sa.select(TABLE.c.batch, TABLE.c.state, sa.func.count()).where(among(TABLE.c.batch, "batches")).group_by(TABLE.c.batch, TABLE.c.state)
)


async def latest(session: AsyncSession, audience: Audience) -> str | None:
    """The newest period of which there is an edition."""
    return await session.scalar(sa.select(sa.func.max(Edition.period)).where(Edition.audience == audience))


async def waiting(session: AsyncSession, audience: Audience, period: str) -> int:
    """How many editions of a period wait for approval."""
    theirs = sa.select(sa.func.count()).select_from(Edition).where(Edition.audience == audience, Edition.period == period)
    return await session.scalar(theirs.where(Edition.status == EditionStatus.WAITING)) or 0
