"""Routing: which ward a report lies in, and which response team deals with it."""

from __future__ import annotations

import re
from datetime import date

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council import teams
from intouch.council.models import ResponseTeam
from intouch.errors import BadInput, NotFound
from intouch.issues.categories import Categories
from intouch.issues.models import IssueReport
from intouch.places import lookup

# What looks like a postcode among other words: one or two letters, one or two digits, perhaps a letter, then digit and two letters.
_POSTCODE = re.compile(r"(?<!\w)[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}(?!\w)", re.IGNORECASE | re.ASCII)


async def ward_of(session: AsyncSession, report: IssueReport, *, on: date) -> int | None:
    """The ward of the report's own place; None when its words don't say and its location is in no ward."""
    if report.longitude is None or report.latitude is None:
        return await ward_of_words(session, report.place, on=on)
    try:
        return (await lookup.ward_at(session, longitude=report.longitude, latitude=report.latitude, on=on)).id
    except NotFound:
        return None


async def ward_of_words(session: AsyncSession, words: str, *, on: date) -> int | None:
    """The ward of the first postcode in ``words`` that we know."""
    for found in _POSTCODE.findall(words):
        try:
            return (await lookup.ward_by_postcode(session, found, on=on)).id
        except (BadInput, NotFound):
            continue
    return None


async def team_of(session: AsyncSession, category: str, *, categories: Categories, ward_id: int | None) -> ResponseTeam | None:
    """The category's own team, else the team of the ward's area, else the city's, else nobody yet."""
    chosen = categories.find(category)
    if chosen and chosen.team:
        named: ResponseTeam | None = await session.scalar(sa.select(ResponseTeam).where(ResponseTeam.name == chosen.team))
        if named:
            return named
    return await teams.team_for(session, ward_id=ward_id)
