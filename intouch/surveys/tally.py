"""Tally: counting a survey's answers by ward in the database, and adding them up to areas and the city.

These are the true numbers: nothing but ``results`` may read them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.places.models import Area, Ward
from intouch.surveys.counts import Counts, Place, QuestionCounts
from intouch.surveys.models import Answer, AnswerKind, Invitation, QuestionType, Response, SurveyPlace
from intouch.surveys.questionnaires import QuestionView

CITY = "city"
_Cells = dict[tuple[int, int, AnswerKind, int], int]  # ward, question, kind, choice → people


@dataclass(frozen=True)
class Name:
    """What a place is called; ``id`` is 0 for the wards that belong to no area, which are shown under no name."""

    kind: Literal["city", "area", "ward"]
    id: int | None
    name: str
    area_id: int | None = None


@dataclass(frozen=True)
class Counted:
    """The places of a survey as a tree, what each is called, and its true numbers."""

    city: Place
    names: dict[str, Name]
    counts: dict[str, Counts]


async def count(session: AsyncSession, survey_id: int, questions: Sequence[QuestionView]) -> Counted:
    """Count the survey's answers; with no questions, only who was asked and who answered."""
    asked = await _by_ward(session, sa.select(Invitation.ward_id, sa.func.count()).where(Invitation.survey_id == survey_id), Invitation)
    has_answer = sa.exists().where(Answer.response_id == Response.id)
    taking_part = sa.select(Response.ward_id, sa.func.count()).where(Response.survey_id == survey_id, has_answer)
    answered = await _by_ward(session, taking_part, Response)
    cells = await _cells(session, questions)
    people = await _people(session, [question for question in questions if question.type is QuestionType.MULTIPLE])
    ward_ids = asked.keys() | answered.keys()
    counts = {
        _key(ward_id): Counts(asked.get(ward_id, 0), answered.get(ward_id, 0), _questions(ward_id, questions, cells, people))
        for ward_id in ward_ids
    }
    rows = await session.execute(_places(survey_id).where(Ward.id.in_(sorted(ward_ids))))
    return _tree(rows, counts, [len(question.choices) for question in questions])


async def _by_ward(session: AsyncSession, query: sa.Select[int, int], table: type[Invitation | Response]) -> dict[int, int]:
    rows = await session.execute(query.group_by(table.ward_id))
    return {row[0]: row[1] for row in rows}


async def _cells(session: AsyncSession, questions: Sequence[QuestionView]) -> _Cells:
    by = (Response.ward_id, Answer.question_id, Answer.kind, Answer.choice)
    query = sa.select(*by, sa.func.count()).join(Response, Answer.response_id == Response.id)
    query = query.where(Answer.question_id.in_([question.id for question in questions])).group_by(*by)
    return {(ward_id, question_id, kind, choice): number for ward_id, question_id, kind, choice, number in await session.execute(query)}


async def _people(session: AsyncSession, questions: Sequence[QuestionView]) -> dict[tuple[int, int], int]:
    """How many people chose at least one of several answers, by ward and question."""
    by = (Response.ward_id, Answer.question_id)
    query = sa.select(*by, sa.func.count(Answer.response_id.distinct())).join(Response, Answer.response_id == Response.id)
    chosen = (Answer.question_id.in_([question.id for question in questions]), Answer.kind == AnswerKind.OPTION)
    if not questions:
        return {}
    return {(ward_id, question_id): number for ward_id, question_id, number in await session.execute(query.where(*chosen).group_by(*by))}


def _questions(
    ward_id: int, questions: Sequence[QuestionView], cells: _Cells, people: dict[tuple[int, int], int]
) -> tuple[QuestionCounts, ...]:
    def number(question: QuestionView, kind: AnswerKind, choice: int = 0) -> int:
        return cells.get((ward_id, question.id, kind, choice), 0)

    def one(question: QuestionView) -> QuestionCounts:
        kind = AnswerKind.SCALE if question.type is QuestionType.SCALE else AnswerKind.OPTION
        choices = tuple(number(question, kind, choice.id) for choice in question.choices)
        said = sum(choices)
        if question.type is QuestionType.TEXT:
            said = number(question, AnswerKind.TEXT)
        elif question.type is QuestionType.MULTIPLE:
            said = people.get((ward_id, question.id), 0)
        return QuestionCounts(said, choices, number(question, AnswerKind.DONT_KNOW), number(question, AnswerKind.SKIP))

    return tuple(one(question) for question in questions)


def _places(survey_id: int) -> sa.Select[int, str, int | None, str | None]:
    """The wards as the survey keeps them, else (while it is open, and they are new) as they are."""
    kept = sa.and_(SurveyPlace.ward_id == Ward.id, SurveyPlace.survey_id == survey_id)
    is_kept = SurveyPlace.ward_id.is_not(None)
    area_id = sa.case((is_kept, SurveyPlace.area_id), else_=Ward.area_id)
    query = sa.select(Ward.id, sa.func.coalesce(SurveyPlace.ward_name, Ward.name), area_id, Area.name).outerjoin(SurveyPlace, kept)
    return query.outerjoin(Area, Area.id == area_id).order_by(Ward.id)


def _tree(places: Iterable[sa.Row[int, str, int | None, str | None]], counts: dict[str, Counts], widths: list[int]) -> Counted:
    names = {CITY: Name("city", None, "")}
    wards_of: dict[int, list[Place]] = defaultdict(list)
    for ward_id, name, area_id, area_name in places:
        names[_key(ward_id)] = Name("ward", ward_id, name, area_id)
        names[f"area {area_id or 0}"] = Name("area", area_id or 0, area_name or "")
        wards_of[area_id or 0].append(Place(_key(ward_id)))
    areas = tuple(Place(f"area {area_id}", tuple(wards)) for area_id, wards in sorted(wards_of.items()))
    for area in areas:
        counts[area.key] = add((counts[ward.key] for ward in area.parts), widths)
    counts[CITY] = add((counts[area.key] for area in areas), widths)
    return Counted(Place(CITY, areas), names, counts)


def _key(ward_id: int) -> str:
    return f"ward {ward_id}"


def add(parts: Iterable[Counts], widths: Sequence[int]) -> Counts:
    """The counts of several places together; ``widths`` are how many answers each question offers."""
    every = list(parts)
    questions = tuple(_add_question([part.questions[number] for part in every], width) for number, width in enumerate(widths))
    return Counts(sum(part.asked for part in every), sum(part.answered for part in every), questions)


def _add_question(parts: Sequence[QuestionCounts], width: int) -> QuestionCounts:
    choices = tuple(sum(part.choices[at] for part in parts) for at in range(width))
    said, dont_know, skipped = (sum(getattr(part, name) for part in parts) for name in ("said", "dont_know", "skipped"))
    return QuestionCounts(said, choices, dont_know, skipped)
