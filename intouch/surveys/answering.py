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
    resident_id = await _present(session, resident_id)
    await _ward_of(session, survey, resident_id)
    return await questionnaires.load(session, survey, resident_id=resident_id)


async def question(session: AsyncSession, question_id: int) -> Question:
    """The question; raises when it is not there any more."""
    found = await session.get(Question, question_id)
    if found is None:
        raise _gone()
    return found


async def ask(session: AsyncSession, survey_id: int, resident_id: int, *, now: datetime) -> Questionnaire:
    """Show the survey to a resident, who counts as asked from then on; raises as ``questionnaire`` does."""
    survey = await _open_survey(session, survey_id, now)
    resident_id = await _present(session, resident_id)
    await _count_as_asked(session, survey, resident_id, now=now)
    return await questionnaires.load(session, survey, resident_id=resident_id)


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
    response = await _store(
        session, survey_id=survey_id, resident_id=resident_id, question_id=question_id, kind=kind, choice=choice, words=words, now=now
    )
    return await _settle(session, response, now=now)


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
    response = await _store(
        session, survey_id=survey_id, resident_id=resident_id, question_id=question_id, kind=kind, choice=choice, words=words, now=now
    )
    survey = await session.get_one(Survey, survey_id)
    form = await questionnaires.load(session, survey, resident_id=response.resident_id)
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
) -> Response:
    choices = [choice] if kind in (AnswerKind.OPTION, AnswerKind.SCALE) else [0]
    question, response = await _hold(session, survey_id, resident_id, question_id, now=now)
    await _check(session, question, kind, choices)
    said = _said(kind, words)
    rows = [_row(response, question, now, kind=kind, choice=chosen, words=said) for chosen in choices]
    replaced = sa.delete(Answer).where(Answer.response_id == response.id, Answer.question_id == question_id)
    if question.type is QuestionType.MULTIPLE and kind is AnswerKind.OPTION:
        replaced = replaced.where(Answer.kind != AnswerKind.OPTION)
    await session.execute(replaced)
    await insert_ignoring(session, Answer, rows, conflict=["response_id", "question_id", "choice"])
    return response


async def choose(
    session: AsyncSession, *, survey_id: int, resident_id: int, question_id: int, choices: Sequence[int], now: datetime
) -> Progress:
    """Answer a question of several choices with exactly these, as a form does that shows them all at once."""
    if not choices:
        raise BadInput("Please choose at least one answer, or tap “Skip”.")
    question, response = await _hold(session, survey_id, resident_id, question_id, now=now)
    chosen = list(dict.fromkeys(choices))
    await _check(session, question, AnswerKind.OPTION, chosen)
    if question.type is not QuestionType.MULTIPLE and len(chosen) > 1:
        raise BadInput("Please choose one answer only.")
    await session.execute(sa.delete(Answer).where(Answer.response_id == response.id, Answer.question_id == question_id))
    rows = [_row(response, question, now, kind=AnswerKind.OPTION, choice=choice) for choice in chosen]
    await insert_ignoring(session, Answer, rows, conflict=["response_id", "question_id", "choice"])
    return await _settle(session, response, now=now)


async def take_back(session: AsyncSession, *, survey_id: int, resident_id: int, question_id: int, choice: int, now: datetime) -> Progress:
    """Take one of several choices back; taking back what was not chosen changes nothing."""
    question, response = await _hold(session, survey_id, resident_id, question_id, now=now)
    if question.type is not QuestionType.MULTIPLE:
        raise _gone()
    mine = sa.and_(Answer.response_id == response.id, Answer.question_id == question_id)
    await session.execute(sa.delete(Answer).where(mine, Answer.kind == AnswerKind.OPTION, Answer.choice == choice))
    return await _settle(session, response, now=now)


async def _hold(session: AsyncSession, survey_id: int, resident_id: int, question_id: int, *, now: datetime) -> tuple[Question, Response]:
    """The question and the resident's response, locked: two devices answer one after the other."""
    survey = await _open_survey(session, survey_id, now, stays_open=True)
    question = await session.get(Question, question_id)
    if question is None or question.survey_id != survey_id:
        raise _gone()
    resident_id = await _present(session, resident_id)
    ward_id = await _count_as_asked(session, survey, resident_id, now=now)
    row = {"survey_id": survey_id, "resident_id": resident_id, "ward_id": ward_id, "started_at": now, "updated_at": now}
    await insert_ignoring(session, Response, [row], conflict=["survey_id", "resident_id"])
    mine = sa.select(Response).where(Response.survey_id == survey_id, Response.resident_id == resident_id)
    response = (await session.scalars(mine.with_for_update().execution_options(populate_existing=True))).one()
    return question, response


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


async def _present(session: AsyncSession, resident_id: int) -> int:
    """The resident's id, or of whom they were merged into: links in old letters name the first."""
    row = (await session.execute(sa.select(Resident.id, Resident.merged_into_id).where(Resident.id == resident_id))).first()
    if row is None:
        raise _not_yours()
    present: int = row.merged_into_id or row.id
    return present


async def _ward_of(session: AsyncSession, survey: Survey, resident_id: int) -> int:
    """The ward this resident is counted in: where they lived when they were asked, else where they live."""
    asked = sa.select(Invitation.ward_id).where(Invitation.survey_id == survey.id, Invitation.resident_id == resident_id)
    ward_id = await session.scalar(asked) or await audience.is_meant_for(session, survey, resident_id)
    if ward_id is None:
        raise _not_yours()
    return ward_id


async def _count_as_asked(session: AsyncSession, survey: Survey, resident_id: int, *, now: datetime) -> int:
    ward_id = await _ward_of(session, survey, resident_id)
    row = {"survey_id": survey.id, "resident_id": resident_id, "ward_id": ward_id, "invited_at": now}
    await insert_ignoring(session, Invitation, [row], conflict=["survey_id", "resident_id"])
    return ward_id


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


def _row(
    response: Response, question: Question, now: datetime, *, kind: AnswerKind, choice: int, words: str | None = None
) -> dict[str, object]:
    of = {"response_id": response.id, "question_id": question.id}
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
