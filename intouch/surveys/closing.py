"""Closing: a survey takes no more answers, its results are published, and everybody who answered is told."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.errors import BadInput, Closed
from intouch.residents.models import Resident, ResidentStatus
from intouch.surveys import audience, grouping
from intouch.surveys.launch import enqueue_to, locked
from intouch.surveys.models import Answer, Response, Survey, SurveyStatus

OUTCOME = "survey.outcome"


async def close(session: AsyncSession, survey_id: int, *, now: datetime) -> int:
    """Close and publish the survey; how many people are told what was said, 0 when it was closed before."""
    survey = await locked(session, survey_id)
    if survey.status in (SurveyStatus.CLOSED, SurveyStatus.PUBLISHED):
        return 0
    if survey.status is SurveyStatus.DRAFT:
        raise BadInput("This survey is still being written, so there is nothing to close.")
    return await _close(session, survey, now=now)


async def cancel(session: AsyncSession, survey_id: int, *, now: datetime) -> bool:
    """Take back a survey that waits for its time, so that it never opens; whether it is taken back now."""
    survey = await locked(session, survey_id)
    if survey.status is SurveyStatus.DRAFT and survey.launched_at is not None:
        # The file may be launched again: it asked nobody.
        survey.status, survey.closed_at, survey.file_hash = SurveyStatus.CANCELLED, now, None
        await session.flush()
    return survey.status is SurveyStatus.CANCELLED


async def close_due(session: AsyncSession, *, now: datetime) -> int:
    """Close the open surveys whose time has come; how many closed."""
    due = sa.select(Survey).where(Survey.status == SurveyStatus.OPEN, Survey.closes_at <= now).order_by(Survey.id)
    surveys = list(await session.scalars(due.with_for_update(skip_locked=True).execution_options(populate_existing=True)))
    for survey in surveys:
        await _close(session, survey, now=now)
    return len(surveys)


async def publish(session: AsyncSession, survey_id: int, *, now: datetime) -> None:
    """Let everybody read the results of a closed survey; publishing twice changes nothing."""
    survey = await locked(session, survey_id)
    if survey.status is SurveyStatus.PUBLISHED:
        return
    if survey.status is not SurveyStatus.CLOSED:
        raise Closed("This survey is still open. Close it first, then its results can be published.")
    survey.status, survey.published_at = SurveyStatus.PUBLISHED, now
    await session.flush()


async def _close(session: AsyncSession, survey: Survey, *, now: datetime) -> int:
    await grouping.keep(session, survey.id)
    survey.status, survey.closed_at = SurveyStatus.CLOSED, now
    survey.closes_at = min(survey.closes_at or now, now)
    await session.flush()
    told = await _tell(session, survey, now=now)
    await publish(session, survey.id, now=now)
    return told


async def _tell(session: AsyncSession, survey: Survey, *, now: datetime) -> int:
    """Queue the outcome for everybody who answered and can still be reached, and note that they were thanked.

    In the chat, or else by email as long as surveys come there: who ended these is not written to, and reads it in the digest.
    """
    by_email = audience.by_email(audience.topic_of(survey))
    is_reached = sa.and_(Resident.status == ResidentStatus.ACTIVE, sa.or_(audience.by_telegram(), by_email))
    has_answered = sa.exists().where(Answer.response_id == Response.id)
    people = sa.join(Response, Resident, Response.resident_id == Resident.id)
    told = sa.and_(Response.survey_id == survey.id, has_answered, is_reached)
    number = await enqueue_to(session, kind=OUTCOME, prefix="outcome", survey_id=survey.id, chosen=(people, told, ()), now=now)
    ids = sa.select(Response.id).select_from(people).where(told)
    thanked = sa.update(Response).where(Response.id.in_(ids), Response.thanked_at.is_(None)).values(thanked_at=now)
    await session.execute(thanked.execution_options(synchronize_session=False))
    return number
