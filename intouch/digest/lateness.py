"""Lateness: how long after it was due the newest edition of each audience was made."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.digest.models import Audience, Edition


async def of_newest(session: AsyncSession) -> dict[Audience, float]:
    """In seconds, of the ward that came last; an audience without an edition is left out."""
    found: dict[Audience, float] = {}
    for audience in Audience:
        newest = sa.select(sa.func.max(Edition.period)).where(Edition.audience == audience).scalar_subquery()
        moments = sa.select(
            sa.func.min(Edition.due_at, type_=Edition.due_at.type), sa.func.max(Edition.created_at, type_=Edition.created_at.type)
        )
        due_at, made_at = (await session.execute(moments.where(Edition.audience == audience, Edition.period == newest))).one()
        if due_at is not None:
            found[audience] = max(0.0, (made_at - due_at).total_seconds())
    return found
