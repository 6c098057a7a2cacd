"""Answering: residents' answers to surveys, stored once however often and from wherever they are given."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.errors import Closed, InTouchError
from intouch.storage.inserting import insert_ignoring
from intouch.surveys import filling_in, questionnaires, taking_part
from intouch.surveys.filling_in import Given, Paper
from intouch.surveys.models import Answer, Question, Response, Survey, SurveyStatus
from intouch.surveys.questionnaires import Questionnaire
from intouch.surveys.taking_part import Asked

Outcome = Questionnaire | InTouchError


async def questionnaire(session: AsyncSession, survey_id: int, resident_id: int, *, now: datetime | None = None) -> Questionnaire:
    """The survey and what this resident answered; writes nothing. Raises why it can't be answered: not there, closed, not theirs."""
    survey, asked = await _for_them(session, survey_id, resident_id, now)
    return await questionnaires.load(session, survey, resident_id=asked.resident_id)


async def ask(session: AsyncSession, survey_id: int, resident_id: int, *, now: datetime) -> Questionnaire:
    """Show the survey to a resident, who counts as asked from then on; raises as ``questionnaire`` does."""
    survey, asked = await _for_them(session, survey_id, resident_id, now)
    await taking_part.count_as_asked(session, [(survey_id, asked)], now=now)
    return await questionnaires.load(session, survey, resident_id=asked.resident_id)


async def survey_of(session: AsyncSession, question_id: int) -> int:
    """The survey that asks this question; raises when it is not there any more."""
    found = (await _surveys_of(session, [question_id])).get(question_id)
    if found is None:
        raise filling_in.gone()
    return found


async def answer(session: AsyncSession, given: Given, *, now: datetime) -> Questionnaire:
    """Store one answer; the questionnaire as it stands then. Raises why it can't be stored, with nothing written."""
    (outcome,) = await answer_all(session, [given], now=now)
    if isinstance(outcome, InTouchError):
        raise outcome
    return outcome


async def answer_all(session: AsyncSession, given: Sequence[Given], *, now: datetime) -> list[Outcome]:
    """Store the answers of many people in as many statements as for one; for each the questionnaire, or why it was refused.

    Answers to one question of one resident take effect in their order. Nothing is written for what is refused.
    """
    papers = await _hand_out(session, given, now=now)
    accepted = {paper.key: paper for paper in papers if isinstance(paper, Paper)}
    await _hold(session, accepted.values(), now=now)
    for one, paper in zip(given, papers, strict=True):
        if isinstance(paper, Paper):
            accepted[paper.key].fill_in(one, paper.question)
    await _store(session, accepted.values(), now=now)
    return [accepted[paper.key].questionnaire() if isinstance(paper, Paper) else paper for paper in papers]


async def _hand_out(session: AsyncSession, given: Sequence[Given], *, now: datetime) -> list[Paper | InTouchError]:
    """For each answer a paper that it can be written into, or why there is none."""
    of = await _surveys_of(session, {one.question_id for one in given})
    wanted = [one.survey_id or of.get(one.question_id) for one in given]
    surveys = await _surveys(session, {survey_id for survey_id in wanted if survey_id is not None}, stay_open=True)
    pairs = [(survey_id, one.resident_id) for survey_id, one in zip(wanted, given, strict=True) if survey_id is not None]
    asked = await taking_part.find(session, surveys, pairs)
    blanks = await questionnaires.load_many(session, list(surveys.values()))
    papers: list[Paper | InTouchError] = []
    for one, survey_id in zip(given, wanted, strict=True):
        try:
            survey = _open(surveys.get(survey_id or 0), now)
            papers.append(_paper(one, blanks[survey.id], asked.get((survey.id, one.resident_id))))
        except InTouchError as refused:
            papers.append(refused)
    return papers


def _paper(given: Given, blank: Questionnaire, asked: Asked | None) -> Paper:
    question = blank.question(given.question_id)
    if question is None:
        raise filling_in.gone()
    if asked is None:
        raise taking_part.not_yours()
    filling_in.read(given, question)
    return Paper(blank, asked, question)


async def _hold(session: AsyncSession, papers: Collection[Paper], *, now: datetime) -> None:
    """Begin the responses, lock them (two devices answer one after the other), and read what they say."""
    if not papers:
        return
    await taking_part.count_as_asked(session, [(paper.blank.survey_id, paper.asked) for paper in papers], now=now)
    keys = sorted(paper.key for paper in papers)  # in one order, so that two processes never wait for each other
    wards = {paper.key: paper.asked.ward_id for paper in papers}
    rows = [{"survey_id": key[0], "resident_id": key[1], "ward_id": wards[key], "started_at": now, "updated_at": now} for key in keys]
    await insert_ignoring(session, Response, rows, conflict=["survey_id", "resident_id"])
    mine = sa.select(Response.survey_id, Response.resident_id, Response.id, Response.finished_at)
    mine = mine.where(sa.tuple_(Response.survey_id, Response.resident_id).in_(keys)).order_by(Response.id).with_for_update()
    held = {(row.survey_id, row.resident_id): row for row in await session.execute(mine)}
    said = await questionnaires.said_in(session, [row.id for row in held.values()])
    for paper in papers:
        response = held[paper.key]
        paper.hold(response.id, response.finished_at, said.get(response.id, {}))


async def _store(session: AsyncSession, papers: Collection[Paper], *, now: datetime) -> None:
    connection = await session.connection()
    gone = [row for paper in papers for row in paper.taken_away()]
    if gone:
        await connection.execute(_TAKE_AWAY, [{f"its_{name}": value for name, value in row.items()} for row in gone])
    added = [row for paper in papers for row in paper.added(now)]
    await insert_ignoring(session, Answer, added, conflict=["response_id", "question_id", "choice"])
    if papers:
        await connection.execute(_NOTE, [paper.standing(now) for paper in papers])


_TAKE_AWAY = sa.delete(Answer).where(
    Answer.response_id == sa.bindparam("its_response_id"),
    Answer.question_id == sa.bindparam("its_question_id"),
    Answer.choice == sa.bindparam("its_choice"),
)
_NOTE = sa.update(Response).where(Response.id == sa.bindparam("key"))


async def _for_them(session: AsyncSession, survey_id: int, resident_id: int, now: datetime | None) -> tuple[Survey, Asked]:
    survey = _open((await _surveys(session, [survey_id])).get(survey_id), now)
    asked = await taking_part.find(session, {survey_id: survey}, [(survey_id, resident_id)])
    if not asked:
        raise taking_part.not_yours()
    return survey, asked[survey_id, resident_id]


async def _surveys_of(session: AsyncSession, question_ids: Iterable[int]) -> dict[int, int]:
    found = await session.execute(sa.select(Question.id, Question.survey_id).where(Question.id.in_(list(question_ids))))
    return {question.id: question.survey_id for question in found}


async def _surveys(session: AsyncSession, ids: Iterable[int], *, stay_open: bool = False) -> dict[int, Survey]:
    query = sa.select(Survey).where(Survey.id.in_(list(ids))).order_by(Survey.id).execution_options(populate_existing=True)
    if stay_open:
        # A shared lock: many answer at once, but closing waits for those under way, so that none is left uncounted.
        query = query.with_for_update(read=True)
    return {survey.id: survey for survey in await session.scalars(query)}


def _open(survey: Survey | None, now: datetime | None) -> Survey:
    if survey is None or (survey.status is SurveyStatus.DRAFT and survey.launched_at is None):
        raise filling_in.gone()
    if survey.status is SurveyStatus.DRAFT:
        raise Closed("This survey hasn't opened yet. We'll send it to you when it does.")
    if survey.status is not SurveyStatus.OPEN or (now is not None and survey.closes_at is not None and survey.closes_at <= now):
        raise Closed("This survey has closed, so answers can't be added or changed any more. Thank you for wanting to take part.")
    return survey
