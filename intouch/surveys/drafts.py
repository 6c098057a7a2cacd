"""Drafts: a pulse survey that an officer writes in the chat, one question in rows from the first word on."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import legible
from intouch.errors import BadInput, Closed, NotFound
from intouch.surveys import launch, wording
from intouch.surveys.models import Option, Question, QuestionType, Response, Survey, SurveyStatus
from intouch.surveys.plan import QuestionPlan

GONE = "That draft isn't there any more. Send /launch to begin a new one."


async def begin(session: AsyncSession, *, officer_id: int, now: datetime) -> Survey:
    """The officer's unfinished draft, or a new empty one."""
    unfinished = sa.select(Survey).where(
        Survey.officer_id == officer_id, Survey.status == SurveyStatus.DRAFT, Survey.launched_at.is_(None), Survey.file_hash.is_(None)
    )
    survey = await session.scalar(unfinished.order_by(Survey.id.desc()).limit(1))
    if survey is None:
        survey = Survey(officer_id=officer_id, ward_codes=[], created_at=now)
        session.add(survey)
        await session.flush()
    return survey


async def editable(session: AsyncSession, survey_id: int, *, officer_id: int) -> Survey:
    """The officer's own draft, locked; raises when it is launched, gone or somebody else's."""
    survey = await session.get(Survey, survey_id, with_for_update=True, populate_existing=True)
    if survey is None or survey.officer_id != officer_id:
        raise NotFound(GONE)
    if survey.status is not SurveyStatus.DRAFT or survey.launched_at is not None:
        raise Closed("This survey has been launched, so it can't be changed any more. Send /launch to begin a new one.")
    return survey


async def question_of(session: AsyncSession, survey_id: int) -> Question | None:
    """The draft's one question."""
    return await session.scalar(sa.select(Question).where(Question.survey_id == survey_id).order_by(Question.position).limit(1))


async def lacks_options(session: AsyncSession, question: Question) -> bool:
    """Whether it is said already that people choose among answers, but not yet among which."""
    if question.type not in (QuestionType.SINGLE, QuestionType.MULTIPLE):
        return False
    return await session.scalar(sa.select(Option.id).where(Option.question_id == question.id).limit(1)) is None


async def set_question(session: AsyncSession, survey: Survey, text: str) -> None:
    """Write the question down; what was the answers to the one before is forgotten, as it may not fit."""
    asked = _fitting(text, wording.QUESTION_LIMIT, "The question")
    await _refuse_frozen(session, survey.id)
    await session.execute(sa.delete(Question).where(Question.survey_id == survey.id))
    survey.title = asked
    await session.flush()


async def set_answers(session: AsyncSession, survey: Survey, kind: QuestionType, options: tuple[str, ...] = ()) -> None:
    """Say how the question is answered; of a choice without ``options`` these are still to be asked for."""
    await _refuse_frozen(session, survey.id)
    question = await question_of(session, survey.id)
    asked = question.text if question else survey.title
    if not asked:
        raise BadInput("Please write the question first.")
    await session.execute(sa.delete(Question).where(Question.survey_id == survey.id))
    await launch.add_questions(session, survey.id, (QuestionPlan(asked, kind, options),))
    survey.title = wording.shorten(asked, wording.TITLE_LIMIT)
    await session.flush()


async def forget_answers(session: AsyncSession, survey: Survey) -> None:
    """Ask for the answers again; the question stays."""
    question = await question_of(session, survey.id)
    if question is not None:
        await set_question(session, survey, question.text)


async def set_audience(session: AsyncSession, survey: Survey, ward_codes: list[str], *, is_for_sounding_board: bool = False) -> None:
    """Say whom to ask: these wards, or the whole city when there are none; or only the sounding board."""
    survey.ward_codes, survey.is_for_sounding_board, survey.is_audience_chosen = ward_codes, is_for_sounding_board, True
    await session.flush()


def read_options(text: str) -> tuple[str, ...]:
    """Answers written one per line, or on one line with semicolons between; raises ``BadInput`` that says what to write instead."""
    lines = text.strip().splitlines()
    written = lines if len(lines) > 1 else text.split(";")
    options = tuple(_fitting(one, wording.OPTION_LIMIT, "An answer") for one in written if not legible.is_blank(one))
    if len(options) < 2:
        raise BadInput("Please send at least two answers, each on a line of its own, or with a semicolon (;) between them.")
    if len(options) > wording.OPTIONS_LIMIT:
        raise BadInput(f"That is {len(options)} answers. Please send at most {wording.OPTIONS_LIMIT}, each on a line of its own.")
    if len(set(map(legible.look, options))) < len(options):
        raise BadInput("The same answer stands there twice. Please send them again, each one different.")
    return options


async def discard(session: AsyncSession, survey: Survey) -> None:
    """Throw the draft away."""
    await session.execute(sa.delete(Survey).where(Survey.id == survey.id))


def _fitting(text: str, limit: int, thing: str) -> str:
    line = wording.tidy_line(wording.printable(text))
    if legible.is_blank(line):
        raise BadInput(f"{thing} is empty. Please write it in words.")
    if wording.length(line) > limit:
        raise BadInput(f"{thing} is {wording.length(line):,} characters long. Please use {limit} or fewer.")
    return line


async def _refuse_frozen(session: AsyncSession, survey_id: int) -> None:
    """Questions freeze at the first answer: changing them would change what was answered."""
    if await session.scalar(sa.select(Response.id).where(Response.survey_id == survey_id).limit(1)) is not None:
        raise Closed("Somebody has answered this survey, so its questions can't be changed any more.")
