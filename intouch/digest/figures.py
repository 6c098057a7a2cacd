"""Figures: which editions there are and how their deliveries stand, counted by the database."""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.digest.models import Audience, Edition
from intouch.outbox.models import Delivery


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
    theirs = (Edition.audience == audience, Edition.period.in_(list(figures)))
    number = sa.func.count().label("number")
    editions = sa.select(Edition.period, Edition.status, number).where(*theirs).group_by(Edition.period, Edition.status)
    for edition in await session.execute(editions):
        figures[edition.period].editions[edition.status.value] = edition.number
    batch = sa.literal("edition:") + sa.cast(Edition.id, sa.Text)
    deliveries = sa.select(Edition.period, Delivery.state, number).join(Delivery, Delivery.batch == batch)
    for delivery in await session.execute(deliveries.where(*theirs).group_by(Edition.period, Delivery.state)):
        figures[delivery.period].deliveries[delivery.state.value] = delivery.number
    return list(figures.values())
