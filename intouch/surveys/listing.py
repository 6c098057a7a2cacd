"""Listing: which surveys there are for a resident, a ward, an officer or the public."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.places.models import Ward
from intouch.residents.models import Resident
from intouch.surveys import audience
from intouch.surveys.models import Invitation, Response, Survey, SurveyStatus

_OVER = (SurveyStatus.CLOSED, SurveyStatus.PUBLISHED)


async def open_for(session: AsyncSession, resident: Resident, *, now: datetime) -> list[Survey]:
    """The surveys this resident may answer now, answered or not, the one closing first at the top."""
    surveys = await _open(session, now)
    invited = await _survey_ids(session, Invitation.survey_id, Invitation.resident_id == resident.id)
    return [survey for survey in surveys if survey.id in invited or await audience.wards_of(session, survey, [resident.id])]


async def finished_by(session: AsyncSession, resident_id: int) -> set[int]:
    """The surveys whose every question this resident has answered."""
    return await _survey_ids(session, Response.survey_id, Response.resident_id == resident_id, Response.finished_at.is_not(None))


async def has_begun(session: AsyncSession, resident_id: int, *, now: datetime) -> bool:
    """Whether this resident has answered a part of a survey that is still open."""
    begun = sa.select(Response.id).join(Survey, Survey.id == Response.survey_id)
    begun = begun.where(Response.resident_id == resident_id, Response.finished_at.is_(None))
    return await session.scalar(begun.where(Survey.status == SurveyStatus.OPEN, Survey.closes_at > now).limit(1)) is not None


async def who_finished(session: AsyncSession, survey_id: int, resident_ids: list[int]) -> set[int]:
    """Which of these residents have answered every question of the survey."""
    query = sa.select(Response.resident_id).where(Response.survey_id == survey_id, Response.finished_at.is_not(None))
    return {found for found in await session.scalars(query.where(Response.resident_id.in_(resident_ids))) if found is not None}


async def open_in_ward(session: AsyncSession, ward_id: int, *, now: datetime) -> list[Survey]:
    """The surveys that everybody in this ward may answer now: those for the sounding board alone are left out."""
    code = await session.scalar(sa.select(Ward.code).where(Ward.id == ward_id))
    return [survey for survey in await _open(session, now) if not survey.is_for_sounding_board and _covers(survey, code)]


async def closed_between(session: AsyncSession, *, start: datetime, end: datetime, ward_id: int) -> list[Survey]:
    """The surveys that asked this ward and closed from ``start`` until just before ``end``, oldest first."""
    code = await session.scalar(sa.select(Ward.code).where(Ward.id == ward_id))
    query = sa.select(Survey).where(Survey.status.in_(_OVER), Survey.launched_at.is_not(None))
    query = query.where(Survey.closed_at >= start, Survey.closed_at < end).order_by(Survey.closed_at, Survey.id)
    return [survey for survey in await session.scalars(query) if _covers(survey, code)]


async def published(session: AsyncSession) -> list[Survey]:
    """The surveys whose results everybody may read, newest first."""
    query = sa.select(Survey).where(Survey.status == SurveyStatus.PUBLISHED)
    return list(await session.scalars(query.order_by(Survey.published_at.desc(), Survey.id.desc())))


async def for_officers(session: AsyncSession, *, closed: int = 5) -> list[Survey]:
    """The open surveys, then the latest closed ones."""
    running = sa.select(Survey).where(Survey.status == SurveyStatus.OPEN).order_by(Survey.closes_at, Survey.id)
    over = sa.select(Survey).where(Survey.status.in_(_OVER)).order_by(Survey.closed_at.desc(), Survey.id.desc()).limit(closed)
    return [*await session.scalars(running), *await session.scalars(over)]


async def every(session: AsyncSession) -> list[Survey]:
    """All surveys, newest first."""
    return list(await session.scalars(sa.select(Survey).order_by(Survey.id.desc())))


async def _open(session: AsyncSession, now: datetime) -> list[Survey]:
    query = sa.select(Survey).where(Survey.status == SurveyStatus.OPEN, Survey.closes_at > now)
    return list(await session.scalars(query.order_by(Survey.closes_at, Survey.id)))


async def _survey_ids(session: AsyncSession, column: sa.orm.InstrumentedAttribute[int], *conditions: sa.ColumnElement[bool]) -> set[int]:
    return set(await session.scalars(sa.select(column).where(*conditions)))


def _covers(survey: Survey, code: str | None) -> bool:
    return not survey.ward_codes or code in survey.ward_codes


async def titles(session: AsyncSession, numbers: Collection[int]) -> dict[int, str]:
    """The titles of these surveys, by their number."""
    found = await session.execute(sa.select(Survey.id, Survey.title).where(Survey.id.in_(numbers)))
    return {row[0]: row[1] for row in found}
