"""Asked: the surveys that are open to a whole ward now, with the first question's answers, one link each."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.digest.scope import Scope
from intouch.surveys import listing, questionnaires
from intouch.surveys.models import QuestionType
from intouch.surveys.questionnaires import Questionnaire

_ONE_TAP = (QuestionType.SINGLE, QuestionType.SCALE)


async def open_now(session: AsyncSession, scope: Scope) -> list[dict[str, Any]]:
    """Open surveys of the ward, the one that closes first at the top. The letter shows the first in full, the others as a link.

    ``choices`` are pairs of what the answer link carries and what it says; empty where an answer takes more than one tap.
    """
    surveys = await listing.open_in_ward(session, scope.ward.id, now=scope.now)
    forms = await questionnaires.load_many(session, surveys)
    return [_told(forms[survey.id]) for survey in surveys]


def _told(form: Questionnaire) -> dict[str, Any]:
    first = form.questions[0] if form.questions else None
    return {
        "id": form.survey_id,
        "title": form.title,
        "heading": form.heading,
        "is_one": form.is_one,
        "why": form.why,
        "closes_at": form.closes_at.isoformat() if form.closes_at else "",
        "question": {"id": first.id, "text": first.text} if first else {"id": 0, "text": ""},
        "choices": [[choice.id, choice.text] for choice in first.choices] if first and first.type in _ONE_TAP else [],
        "more": max(0, len(form.questions) - 1),
    }
