"""Batches: the editions that an officer names, as the batches under which their deliveries are in the outbox."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.digest import periods
from intouch.digest.models import Audience, Edition
from intouch.errors import NotFound
from intouch.places.models import Ward


def batch_of(edition_id: int) -> str:
    """The batch of an edition's deliveries."""
    return f"edition:{edition_id}"


async def in_period(session: AsyncSession, audience: Audience, period: str, *, ward_id: int | None = None) -> list[str]:
    """The batches of a period's editions, of all wards or of one."""
    editions = sa.select(Edition.id).where(Edition.audience == audience, Edition.period == period).order_by(Edition.id)
    if ward_id is not None:
        editions = editions.where(Edition.ward_id == ward_id)
    return [batch_of(number) for number in await session.scalars(editions)]


async def named(session: AsyncSession, text: str) -> list[str]:
    """The batches that ``7``, ``2026-W47`` or ``2026-W47/Southwick`` mean (a ward by its code or its name); digests, unless by number."""
    wanted = text.strip()
    if wanted.isdecimal():
        found = list(await session.scalars(sa.select(Edition.id).where(Edition.id == int(wanted))))
    else:
        period, _, ward = wanted.partition("/")
        found = await _of_week(session, period.strip().upper(), " ".join(ward.split()).casefold())
    if not found:
        raise NotFound(f"There is no edition “{wanted[:60]}”. Write its number, its week, or week and ward: 2026-W47/Southwick.")
    return [batch_of(number) for number in found]


async def _of_week(session: AsyncSession, period: str, ward: str) -> list[int]:
    """The digests of a week, of all wards or of one."""
    periods.monday_of(period)  # a week that is none has its own sentence
    editions = sa.select(Edition.id, Ward.code, Ward.name).join(Ward, Ward.id == Edition.ward_id)
    theirs = editions.where(Edition.audience == Audience.DIGEST, Edition.period == period).order_by(Edition.id)
    # SQLite knows no capital letters but those of English.
    return [row.id for row in await session.execute(theirs) if ward in ("", row.code.casefold(), row.name.casefold())]
