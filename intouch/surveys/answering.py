"""Answering: one resident's answers to one survey, stored once however often and from wherever they are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.errors import BadInput, Closed, NotAllowed, NotFound
from intouch.residents.models import Resident
from intouch.storage.inserting import insert_ignoring
from intouch.surveys import audience, questionnaires, wording
from intouch.surveys.models import Answer, AnswerKind, Invitation, Option, Question, QuestionType, Response, Survey, SurveyStatus
from intouch.surveys.questionnaires import SCALE, Questionnaire

_FITTING = {
    QuestionType.SINGLE: AnswerKind.OPTION,
    QuestionType.MULTIPLE: AnswerKind.OPTION,
    QuestionType.SCALE: AnswerKind.SCALE,
    QuestionType.TEXT: AnswerKind.TEXT,
}
_WITHOUT_CONTENT = (AnswerKind.DONT_KNOW, AnswerKind.SKIP)


@dataclass(frozen=True)
class Progress:
    """How far a resident has come: ``answered`` of ``total``; ``next_question_id`` is None when finished."""

    answered: int
    total: int
    next_question_id: int | None

    @property
    def is_finished(self) -> bool:
        return self.next_question_id is None


async def questionnaire(session: AsyncSession, survey_id: int, resident_id: int, *, now: datetime | None = None) -> Questionnaire:
    """The survey and what this resident answered; writes nothing. Raises why it can't be answered: not there, closed, not theirs."""
    survey = await _open_survey(session, survey_id, now)
    asked = await _whom(session, survey, resident_id)
    return await questionnaires.load(session, survey, resident_id=asked.resident_id)


async def question(session: AsyncSession, question_id: int) -> Question:
    """The question; raises when it is not there any more."""
    found = await session.get(Question, question_id)
    if found is None:
        raise _gone()
    return found


async def ask(session: AsyncSession, survey_id: int, resident_id: int, *, now: datetime) -> Questionnaire:
    """Show the survey to a resident, who counts as asked from then on; raises as ``questionnaire`` does."""
    survey = await _open_survey(session, survey_id, now)
    asked = await _count_as_asked(session, survey, resident_id, now=now)
    return await questionnaires.load(session, survey, resident_id=asked.resident_id)


async def answer(
    session: AsyncSession,
    *,
    survey_id: int,
    resident_id: int,
    question_id: int,
    kind: AnswerKind,
    choice: int = 0,
    words: str | None = None,
    now: datetime,
) -> Progress:
    """Store one answer. It replaces the one before; of several choices it is added to those made already."""
    held = await _store(
        session, survey_id=survey_id, resident_id=resident_id, question_id=question_id, kind=kind, choice=choice, words=words, now=now
    )
    return await _settle(session, held.response, now=now)


async def answer_and_show(
    session: AsyncSession,
    *,
    survey_id: int,
    resident_id: int,
    question_id: int,
    kind: AnswerKind,
    choice: int = 0,
    words: str | None = None,
    now: datetime,
) -> Questionnaire:
    """``answer``, and the questionnaire as it stands now: what was read for the one is not asked again for the other."""
    held = await _store(
        session, survey_id=survey_id, resident_id=resident_id, question_id=question_id, kind=kind, choice=choice, words=words, now=now
    )
    response = held.response
    form = await questionnaires.load(session, held.survey, resident_id=response.resident_id)
    response.updated_at = now
    response.finished_at = (response.finished_at or now) if form.is_finished else None
    await session.flush()
    return form


async def _store(
    session: AsyncSession,
    *,
    survey_id: int,
    resident_id: int,
    question_id: int,
    kind: AnswerKind,
    choice: int,
    words: str | None,
    now: datetime,
) -> _Held:
    choices = [choice] if kind in (AnswerKind.OPTION, AnswerKind.SCALE) else [0]
    held = await _hold(session, survey_id, resident_id, question_id, now=now)
    question = held.question
    await _check(session, question, kind, choices)
    said = _said(kind, words)
    rows = [_row(held, now, kind=kind, choice=chosen, words=said) for chosen in choices]
    replaced = sa.delete(Answer).where(Answer.response_id == held.response.id, Answer.question_id == question_id)
    if question.type is QuestionType.MULTIPLE and kind is AnswerKind.OPTION:
        replaced = replaced.where(Answer.kind != AnswerKind.OPTION)
    await session.execute(replaced)
    await insert_ignoring(session, Answer, rows, conflict=["response_id", "question_id", "choice"])
    return held


async def choose(
    session: AsyncSession, *, survey_id: int, resident_id: int, question_id: int, choices: Sequence[int], now: datetime
) -> Progress:
    """Answer a question of several choices with exactly these, as a form does that shows them all at once."""
    if not choices:
        raise BadInput("Please choose at least one answer, or tap “Skip”.")
    held = await _hold(session, survey_id, resident_id, question_id, now=now)
    question, response = held.question, held.response
    chosen = list(dict.fromkeys(choices))
    await _check(session, question, AnswerKind.OPTION, chosen)
    if question.type is not QuestionType.MULTIPLE and len(chosen) > 1:
        raise BadInput("Please choose one answer only.")
    await session.execute(sa.delete(Answer).where(Answer.response_id == response.id, Answer.question_id == question_id))
    rows = [_row(held, now, kind=AnswerKind.OPTION, choice=choice) for choice in chosen]
    await insert_ignoring(session, Answer, rows, conflict=["response_id", "question_id", "choice"])
    return await _settle(session, response, now=now)


async def take_back(session: AsyncSession, *, survey_id: int, resident_id: int, question_id: int, choice: int, now: datetime) -> Progress:
    """Take one of several choices back; taking back what was not chosen changes nothing."""
    held = await _hold(session, survey_id, resident_id, question_id, now=now)
    question, response = held.question, held.response
    if question.type is not QuestionType.MULTIPLE:
        raise _gone()
    mine = sa.and_(Answer.response_id == response.id, Answer.question_id == question_id)
    await session.execute(sa.delete(Answer).where(mine, Answer.kind == AnswerKind.OPTION, Answer.choice == choice))
    return await _settle(session, response, now=now)


async def _hold(session: AsyncSession, survey_id: int, resident_id: int, question_id: int, *, now: datetime) -> _Held:
    """The question and the resident's response, locked: two devices answer one after the other."""
    survey = await _open_survey(session, survey_id, now, stays_open=True)
    question = await session.get(Question, question_id)
    if question is None or question.survey_id != survey_id:
        raise _gone()
    asked = await _count_as_asked(session, survey, resident_id, now=now)
    of = {"survey_id": survey_id, "resident_id": asked.resident_id}
    row = {**of, "ward_id": asked.ward_id, "started_at": now, "updated_at": now}
    await insert_ignoring(session, Response, [row], conflict=["survey_id", "resident_id"])
    mine = sa.select(Response).filter_by(**of)
    response = (await session.scalars(mine.with_for_update().execution_options(populate_existing=True))).one()
    return _Held(survey, question, response)


async def _open_survey(session: AsyncSession, survey_id: int, now: datetime | None, *, stays_open: bool = False) -> Survey:
    # A shared lock: many answer at once, but closing waits for those under way, so that none is left uncounted.
    lock = {"read": True} if stays_open else None
    survey = await session.get(Survey, survey_id, with_for_update=lock, populate_existing=True)
    if survey is None or (survey.status is SurveyStatus.DRAFT and survey.launched_at is None):
        raise _gone()
    if survey.status is SurveyStatus.DRAFT:
        raise Closed("This survey hasn't opened yet. We'll send it to you when it does.")
    if survey.status is not SurveyStatus.OPEN or (now is not None and survey.closes_at is not None and survey.closes_at <= now):
        raise Closed("This survey has closed, so answers can't be added or changed any more. Thank you for wanting to take part.")
    return survey


@dataclass(frozen=True)
class _Held:
    """What an answer is written into. The survey is held on to as well: the session forgets what nobody holds, and reads it again."""

    survey: Survey
    question: Question
    response: Response


@dataclass(frozen=True)
class _Asked:
    """Whom a survey's answers belong to, and the ward that they are counted in."""

    resident_id: int
    ward_id: int
    is_invited: bool


async def _whom(session: AsyncSession, survey: Survey, resident_id: int) -> _Asked:
    """The resident, or whom they were merged into (links in old letters name the first); raises when the survey is not for them.

    They are counted where they lived when they were asked, else where they live.
    """
    present = sa.func.coalesce(Resident.merged_into_id, Resident.id)
    invited = sa.and_(Invitation.survey_id == survey.id, Invitation.resident_id == present)
    found = sa.select(present, Invitation.ward_id).join_from(Resident, Invitation, invited, isouter=True).where(Resident.id == resident_id)
    row = (await session.execute(found)).first()
    if row is None:
        raise _not_yours()
    present_id, invited_ward = row
    ward_id = invited_ward or await audience.is_meant_for(session, survey, present_id)
    if ward_id is None:
        raise _not_yours()
    return _Asked(present_id, ward_id, is_invited=invited_ward is not None)


async def _count_as_asked(session: AsyncSession, survey: Survey, resident_id: int, *, now: datetime) -> _Asked:
    asked = await _whom(session, survey, resident_id)
    if not asked.is_invited:
        row = {"survey_id": survey.id, "resident_id": asked.resident_id, "ward_id": asked.ward_id, "invited_at": now}
        await insert_ignoring(session, Invitation, [row], conflict=["survey_id", "resident_id"])
    return asked


async def _check(session: AsyncSession, question: Question, kind: AnswerKind, choices: Sequence[int]) -> None:
    if kind in _WITHOUT_CONTENT:
        return
    if kind is not _FITTING[question.type]:
        raise _gone()
    if kind is AnswerKind.OPTION:
        known = set(await session.scalars(sa.select(Option.id).where(Option.question_id == question.id)))
        if not set(choices) <= known:
            raise _gone()
    if kind is AnswerKind.SCALE and not all(choice in SCALE for choice in choices):
        raise _gone()


def _said(kind: AnswerKind, words: str | None) -> str | None:
    if kind is not AnswerKind.TEXT:
        return None
    said = wording.printable(words or "").strip()
    if not said:
        raise BadInput("Please write your answer in words, or tap “Skip”.")
    if len(said) > wording.WORDS_LIMIT:
        limit = f"{wording.WORDS_LIMIT:,}"
        raise BadInput(f"That is {len(said):,} characters long. Please say it in {limit} or fewer, and send it again. Nothing was stored.")
    return said


def _row(held: _Held, now: datetime, *, kind: AnswerKind, choice: int, words: str | None = None) -> dict[str, object]:
    of = {"response_id": held.response.id, "question_id": held.question.id}
    return {**of, "kind": kind, "choice": choice, "words": words, "answered_at": now}


async def _settle(session: AsyncSession, response: Response, *, now: datetime) -> Progress:
    """Note how far the response has come; it is finished once every question has an answer."""
    asked = sa.select(Question.id).where(Question.survey_id == response.survey_id).order_by(Question.position)
    order = list(await session.scalars(asked))
    done = set(await session.scalars(sa.select(Answer.question_id).where(Answer.response_id == response.id).distinct()))
    waiting = [question_id for question_id in order if question_id not in done]
    response.updated_at = now
    response.finished_at = None if waiting else response.finished_at or now
    await session.flush()
    return Progress(len(order) - len(waiting), len(order), waiting[0] if waiting else None)


def _gone() -> NotFound:
    return NotFound("That question isn't there any more. Send /survey to see what you can answer now.")


def _not_yours() -> NotAllowed:
    return NotAllowed("This survey is for other residents. Send /survey to see the ones that are for you.")
