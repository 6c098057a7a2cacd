"""Network: how many residents of a ward are signed up, how fast that grows, and how much of it is told."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.residents.models import Resident, ResidentStatus


async def size(session: AsyncSession, ward_id: int) -> int:
    """Residents of this ward who are signed up now."""
    return await _count(session, ward_id)


async def growth(session: AsyncSession, ward_id: int, *, since: datetime) -> int:
    """Of these, how many joined at ``since`` or later."""
    return await _count(session, ward_id, Resident.joined_at >= since)


def shown(number: int, smallest: int) -> int | None:
    """So many at least, in steps of ``smallest``; None: fewer than that.

    Told exactly, two looks at the size would give away the few who joined between them.
    """
    return number - number % smallest if number == 0 or number >= smallest else None


async def _count(session: AsyncSession, ward_id: int, *more: sa.ColumnElement[bool]) -> int:
    query = sa.select(sa.func.count()).where(Resident.ward_id == ward_id, Resident.status == ResidentStatus.ACTIVE, *more)
    return await session.scalar(query) or 0
