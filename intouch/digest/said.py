"""Said: what a ward answered, in the shape that editions keep; every number comes from ``surveys.results``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.digest.scope import Scope
from intouch.surveys import listing, results
from intouch.surveys.models import QuestionType, Survey, SurveyStatus
from intouch.surveys.results import OptionResult, PlaceResults, QuestionResult, SurveyResults

# An email is cut off at 100 KB; the rest is on the results page.
MOST_SURVEYS = 3
MOST_QUESTIONS = 3
MOST_ROWS = 10


async def closed_lately(session: AsyncSession, scope: Scope) -> dict[str, Any]:
    """The surveys that closed since the last edition, as the smallest place around the ward with numbers to show answered them.

    ``more_said`` counts those that closed before the ones told: the next edition begins after them.
    """
    surveys = await listing.closed_between(session, start=scope.since, end=scope.until, ward_id=scope.ward.id)
    told = [await _told(session, survey, scope) for survey in surveys[-MOST_SURVEYS:]]
    return {"said": told, "more_said": len(surveys) - len(told)}


async def _told(session: AsyncSession, survey: Survey, scope: Scope) -> dict[str, Any]:
    found = await results.results(session, survey.id, ward_id=scope.ward.id, smallest=scope.smallest)
    place = found.nearest(scope.ward.id)
    questions = place.questions if place else ()
    return {
        "id": survey.id,
        "title": survey.title,
        "heading": found.heading,
        "is_one": found.is_one,
        "url": _url(survey, scope),
        "place": {"kind": place.kind, "name": place.name} if place else None,
        "asked": place.asked if place else None,
        "answered": place.answered_at_least if place else None,
        "is_least": place is not None and place.answered is None,
        "questions": [_question(question) for question in questions[:MOST_QUESTIONS]],
        "more": max(0, len(questions) - MOST_QUESTIONS),
    }


def _question(question: QuestionResult) -> dict[str, Any]:
    """A question with a row for each answer; a row's ``share`` is None where too few people gave it. No rows: no share to show."""
    rows = [
        {"label": option.text, "count": option.count, "share": option.share, "low": option.low, "high": option.high}
        for option in question.options[:MOST_ROWS]
    ]
    is_text = question.type is QuestionType.TEXT
    return {"text": question.text, "rows": rows if _has_shares(question) else [], "is_text": is_text, "said": question.said}


async def compared(session: AsyncSession, scope: Scope) -> dict[str, Any]:
    """The surveys open in the ward or closed since the last edition, the ward beside its area and the city; how many more there are."""
    closed = await listing.closed_between(session, start=scope.since, end=scope.until, ward_id=scope.ward.id)
    still_open = await listing.open_in_ward(session, scope.ward.id, now=scope.now)
    told = [await _beside(session, survey, scope) for survey in [*closed[-MOST_SURVEYS:], *still_open[:MOST_SURVEYS]]]
    more_closed, more_open = (max(0, len(surveys) - MOST_SURVEYS) for surveys in (closed, still_open))
    return {"surveys": told, "more_closed": more_closed, "more_open": more_open}


async def _beside(session: AsyncSession, survey: Survey, scope: Scope) -> dict[str, Any]:
    found = await results.results(session, survey.id, ward_id=scope.ward.id, smallest=scope.smallest)
    places = _around(found, scope)
    questions = places[0].questions if places and found.is_final else ()
    return {
        "id": survey.id,
        "title": survey.title,
        "heading": found.heading,
        "is_one": found.is_one,
        "url": _url(survey, scope),
        "is_open": not found.is_final,
        "closes_at": found.closes_at.isoformat() if found.closes_at else "",
        "asked": found.ward.asked if found.ward else None,
        "answered": found.ward.answered_at_least if found.ward else None,
        "is_least": found.ward is not None and found.ward.answered is None,
        "questions": [_columns(places, number) for number in range(len(questions[:MOST_QUESTIONS]))],
        "more": max(0, len(questions) - MOST_QUESTIONS),
    }


def _around(found: SurveyResults, scope: Scope) -> list[PlaceResults]:
    """The ward, the area that it was in then, and the city; a place that holds nothing but the one before it is left out."""
    ward = found.ward
    area_id = ward.area_id if ward else scope.ward.area_id
    area, in_area = found.of_area(area_id), sum(place.area_id == area_id for place in found.wards)
    places = [ward, area if in_area > 1 else None, found.city if len(found.wards) > max(1, in_area) else None]
    return [place for place in places if place is not None]


def _columns(places: Sequence[PlaceResults], number: int) -> dict[str, Any]:
    asked = [place.questions[number] for place in places]
    rows = [
        {"label": option.text, "cells": [_cell(question.options[at]) for question in asked]}
        for at, option in enumerate(asked[0].options[:MOST_ROWS])
    ]
    groups = [{"kind": place.kind, "name": place.name, "answered": question.said} for place, question in zip(places, asked, strict=True)]
    is_text = asked[0].type is QuestionType.TEXT
    shows = any(_has_shares(question) for question in asked) and not is_text
    return {"text": asked[0].text, "groups": groups, "rows": rows if shows else [], "is_text": is_text, "said": asked[0].said}


def _has_shares(question: QuestionResult) -> bool:
    """Whether any answer has a share to show; where nobody answered, every one is nought."""
    return any(option.share for option in question.options)


def _cell(option: OptionResult) -> dict[str, float | None] | None:
    return {"share": option.share, "low": option.low, "high": option.high} if option.share is not None else None


def _url(survey: Survey, scope: Scope) -> str:
    return f"{scope.public_url}/results/{survey.id}" if survey.status is SurveyStatus.PUBLISHED else ""
