"""Questionnaires: a survey's questions with what one resident has answered so far, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.surveys import wording
from intouch.surveys.models import Answer, AnswerKind, Option, Question, QuestionType, Response, Survey

SCALE = range(1, 6)
_CHOSEN = (AnswerKind.OPTION, AnswerKind.SCALE)


class Said(NamedTuple):
    """What one row of a response says beside the choice."""

    kind: AnswerKind
    words: str | None = None


@dataclass(frozen=True)
class Choice:
    """One answer to tap: ``id`` is the option's id, or the step of a scale."""

    id: int
    text: str
    is_chosen: bool = False


@dataclass(frozen=True)
class QuestionView:
    """One question as a person sees it; ``kind`` and ``words`` are what they answered, ``kind`` is None before."""

    id: int
    number: int
    total: int
    text: str
    type: QuestionType
    choices: tuple[Choice, ...] = ()
    kind: AnswerKind | None = None
    words: str = ""

    @property
    def is_answered(self) -> bool:
        return self.kind is not None

    @property
    def chosen(self) -> tuple[Choice, ...]:
        return tuple(choice for choice in self.choices if choice.is_chosen)


@dataclass(frozen=True)
class Questionnaire:
    """A survey with one resident's answers, or with none for a preview."""

    survey_id: int
    title: str
    why: str
    closes_at: datetime | None
    is_for_sounding_board: bool
    questions: tuple[QuestionView, ...]

    @property
    def is_one(self) -> bool:
        """Whether the title is the only question, so that the two are said once."""
        return wording.is_title(self.title, [question.text for question in self.questions])

    @property
    def heading(self) -> str:
        """What stands over the survey: the title, or the question in full of which it is the beginning."""
        return self.questions[0].text if self.is_one else self.title

    @property
    def answered(self) -> int:
        """How many questions have an answer; don't know and skip are answers here."""
        return sum(question.is_answered for question in self.questions)

    @property
    def is_finished(self) -> bool:
        return self.answered == len(self.questions)

    @property
    def minutes(self) -> int:
        """About how long answering takes: twenty seconds a question."""
        return -(-len(self.questions) * 20 // 60)

    def question(self, question_id: int) -> QuestionView | None:
        return next((question for question in self.questions if question.id == question_id), None)

    def next_open(self, after: int = 0) -> QuestionView | None:
        """The first question behind number ``after`` that has no answer, else the first of all; None when finished."""
        waiting = [question for question in self.questions if not question.is_answered]
        return next((question for question in waiting if question.number > after), waiting[0] if waiting else None)


async def load(session: AsyncSession, survey: Survey, *, resident_id: int | None = None) -> Questionnaire:
    """The survey's questionnaire with the answers of this resident, or with none."""
    blank = (await load_many(session, [survey]))[survey.id]
    if resident_id is None:
        return blank
    mine = sa.select(Response.id).where(Response.survey_id == survey.id, Response.resident_id == resident_id)
    said = await said_in(session, list(await session.scalars(mine)))
    return with_answers(blank, next(iter(said.values()), {}))


async def said_in(session: AsyncSession, response_ids: Sequence[int]) -> dict[int, dict[int, dict[int, Said]]]:
    """What these responses say, by response, question and choice; without those that say nothing yet."""
    said: dict[int, dict[int, dict[int, Said]]] = {}
    rows = sa.select(Answer.response_id, Answer.question_id, Answer.choice, Answer.kind, Answer.words)
    for response_id, question_id, choice, kind, words in await session.execute(rows.where(Answer.response_id.in_(response_ids))):
        said.setdefault(response_id, {}).setdefault(question_id, {})[choice] = Said(kind, words)
    return said


async def load_many(session: AsyncSession, surveys: list[Survey]) -> dict[int, Questionnaire]:
    """The unanswered questionnaires of several surveys, by survey id."""
    ids = [survey.id for survey in surveys]
    asked = sa.select(Question).where(Question.survey_id.in_(ids)).order_by(Question.position)
    questions = list(await session.scalars(asked))
    offered = sa.select(Option).where(Option.question_id.in_([question.id for question in questions])).order_by(Option.position)
    options = list(await session.scalars(offered))
    return {survey.id: _blank(survey, [q for q in questions if q.survey_id == survey.id], options) for survey in surveys}


def _blank(survey: Survey, questions: list[Question], options: list[Option]) -> Questionnaire:
    views = tuple(
        QuestionView(question.id, number, len(questions), question.text, question.type, _choices(question, options))
        for number, question in enumerate(questions, start=1)
    )
    return Questionnaire(survey.id, survey.title, survey.why, survey.closes_at, survey.is_for_sounding_board, views)


def _choices(question: Question, options: list[Option]) -> tuple[Choice, ...]:
    if question.type is QuestionType.SCALE:
        return tuple(Choice(step, str(step)) for step in SCALE)
    return tuple(Choice(option.id, option.text) for option in options if option.question_id == question.id)


def with_answers(blank: Questionnaire, said: Mapping[int, Mapping[int, Said]]) -> Questionnaire:
    """The questionnaire with what is said, by question and choice."""
    return replace(blank, questions=tuple(_with_answers(question, said.get(question.id, {})) for question in blank.questions))


def _chosen(choice: Choice) -> Choice:
    return Choice(choice.id, choice.text, is_chosen=True)


def _with_answers(question: QuestionView, said: Mapping[int, Said]) -> QuestionView:
    if not said:
        return question
    chosen = {choice for choice, one in said.items() if one.kind in _CHOSEN}
    choices = tuple(_chosen(choice) if choice.id in chosen else choice for choice in question.choices)
    first = next(iter(said.values()))
    return replace(question, choices=choices, kind=first.kind, words=first.words or "")
