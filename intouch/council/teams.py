"""Teams: which response team deals with the reports of a ward."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council.models import ResponseTeam
from intouch.places.models import Ward


async def team_for(session: AsyncSession, *, ward_id: int | None) -> ResponseTeam | None:
    """The team of the ward's area, else the one for the whole city, else none."""
    area = sa.select(Ward.area_id).where(Ward.id == ward_id).scalar_subquery()
    query = (
        sa.select(ResponseTeam)
        .where(sa.or_(ResponseTeam.area_id == area, ResponseTeam.area_id.is_(None)))
        .order_by(ResponseTeam.area_id.is_(None), ResponseTeam.id)
        .limit(1)
    )
    team: ResponseTeam | None = await session.scalar(query)
    return team


async def add_team(session: AsyncSession, *, name: str, area_id: int | None, email: str = "") -> ResponseTeam:
    """A new team for an area, or for the whole city when ``area_id`` is empty."""
    team = ResponseTeam(name=name, area_id=area_id, email=email)
    session.add(team)
    await session.flush()
    return team
