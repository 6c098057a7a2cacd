"""Asked: the surveys that are open to a whole ward now, with the first question's answers, one link each."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.digest import said
from intouch.digest.scope import Scope
from intouch.surveys import listing
from intouch.surveys.models import Option, Question, QuestionType, Survey

SCALE = (1, 2, 3, 4, 5)
MOST_SURVEYS = 6


async def open_now(session: AsyncSession, scope: Scope) -> list[dict[str, Any]]:
    """Open surveys of the ward, the one that closes first at the top.

    ``choices`` are pairs of what the answer link carries and what it says; empty where an answer takes more than one tap.
    """
    surveys = await listing.open_in_ward(session, scope.ward.id, now=scope.now)
    return [await _told(session, survey) for survey in surveys[:MOST_SURVEYS]]


async def _told(session: AsyncSession, survey: Survey) -> dict[str, Any]:
    questions = list(await session.scalars(sa.select(Question).where(Question.survey_id == survey.id).order_by(Question.position)))
    first = questions[0] if questions else None
    return {
        "id": survey.id,
        **said.headed(survey.title, [question.text for question in questions]),
        "why": survey.why,
        "closes_at": survey.closes_at.isoformat() if survey.closes_at else "",
        "question": {"id": first.id, "text": first.text} if first else {"id": 0, "text": ""},
        "choices": await _choices(session, first) if first else [],
        "more": max(0, len(questions) - 1),
    }


async def _choices(session: AsyncSession, question: Question) -> list[list[int | str]]:
    if question.type is QuestionType.SCALE:
        return [[step, str(step)] for step in SCALE]
    if question.type is not QuestionType.SINGLE:
        return []
    options = await session.scalars(sa.select(Option).where(Option.question_id == question.id).order_by(Option.position))
    return [[option.id, option.text] for option in options]
