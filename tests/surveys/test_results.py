"""Results: counted in the database, per ward, area and city, with nothing shown of few people."""

import time
from dataclasses import replace
from datetime import datetime

import pytest
import sqlalchemy as sa

from intouch.errors import NotFound
from intouch.residents.models import Resident
from intouch.runtime import Runtime
from intouch.surveys import closing, launch, table
from intouch.surveys.models import Answer, AnswerKind, Invitation, Option, Question, QuestionType, Response, Survey, SurveyStatus
from intouch.surveys.plan import SurveyPlan
from intouch.surveys.results import SurveyResults, results
from tests.surveys.conftest import FULWELL, ROKER, SOUTHWICK, Town


async def _fill(
    runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime, people: dict[str, list[list[tuple[int, AnswerKind, int]]]]
) -> int:
    """A survey with these answers: per ward a list of people, each a list of (question, kind, which choice or step)."""
    async with runtime.sessions.write() as session:
        survey = await launch.create(session, plan, now=now)
        await launch.launch(session, survey.id, now=now)
        questions = list(await session.scalars(sa.select(Question).where(Question.survey_id == survey.id).order_by(Question.position)))
        options = {
            question.id: list(
                await session.scalars(sa.select(Option.id).where(Option.question_id == question.id).order_by(Option.position))
            )
            for question in questions
        }
        for ward, everybody in people.items():
            for answers in everybody:
                ward_id = town.wards[ward]
                session.add(Invitation(survey_id=survey.id, ward_id=ward_id, invited_at=now))
                if not answers:
                    continue
                response = Response(survey_id=survey.id, ward_id=ward_id, started_at=now, updated_at=now)
                session.add(response)
                await session.flush()
                for at, kind, choice in answers:
                    key = options[questions[at].id][choice] if kind is AnswerKind.OPTION else choice
                    session.add(Answer(response_id=response.id, question_id=questions[at].id, kind=kind, choice=key, answered_at=now))
        return survey.id


async def _results(runtime: Runtime, survey_id: int, **of: int) -> SurveyResults:
    async with runtime.sessions.read() as session:
        return await results(session, survey_id, smallest=5, **of)


def _people(*groups: tuple[int, list[tuple[int, AnswerKind, int]]]) -> list[list[tuple[int, AnswerKind, int]]]:
    return [answers for number, answers in groups for _ in range(number)]


async def test_counts_shares_and_intervals_per_ward_area_and_city(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> None:
    yes, no = [(0, AnswerKind.OPTION, 0)], [(0, AnswerKind.OPTION, 1)]
    both = [(0, AnswerKind.DONT_KNOW, 0), (1, AnswerKind.OPTION, 0), (1, AnswerKind.OPTION, 2)]
    survey_id = await _fill(
        runtime, town, plan, now,
        {
            SOUTHWICK: _people((20, yes), (10, no), (7, both), (9, [])),
            FULWELL: _people((8, yes), (12, no)),
            ROKER: _people((6, yes), (6, no)),
        },
    )  # fmt: skip
    async with runtime.sessions.write() as session:
        await closing.close(session, survey_id, now=now)
    told = await _results(runtime, survey_id, ward_id=town.wards[SOUTHWICK], area_id=town.areas["North"])
    assert told.ward is not None and told.area is not None and told.is_final
    assert (told.ward.name, told.ward.asked, told.ward.answered) == ("Southwick", 46, 37)
    first = told.ward.questions[0]
    assert (first.said, first.dont_know, first.skipped) == (30, 7, 0)
    assert [option.count for option in first.options] == [20, 10]
    assert first.options[0].share == pytest.approx(2 / 3) and first.options[0].low == pytest.approx(0.4878, abs=1e-4)
    assert [option.count for option in told.area.questions[0].options] == [28, 22]
    assert [option.count for option in told.city.questions[0].options] == [34, 28]
    assert [option.count for option in told.ward.questions[1].options] == [7, 0, 7]
    assert told.nearest(town.wards[SOUTHWICK]) == told.ward and [place.name for place in told.wards] == ["Fulwell", "Roker", "Southwick"]
    assert replace(await _results(runtime, survey_id), ward=told.ward, area=told.area) == told


async def test_while_a_survey_is_open_only_who_took_part_is_there(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> None:
    survey_id = await _fill(runtime, town, plan, now, {SOUTHWICK: _people((20, [(0, AnswerKind.OPTION, 0)]), (10, []))})
    told = await _results(runtime, survey_id)
    assert (told.is_final, told.city.asked, told.city.answered) == (False, 30, 20)
    assert not told.city.has_numbers and told.city.questions[0].options[0].count is None


async def test_a_number_seen_before_closing_does_not_tell_how_many_did_not_know(
    runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime
) -> None:
    one = replace(plan, questions=plan.questions[:1])
    yes, unsure = [(0, AnswerKind.OPTION, 0)], [(0, AnswerKind.DONT_KNOW, 0)]
    survey_id = await _fill(runtime, town, one, now, {SOUTHWICK: _people((20, yes), (2, unsure), (8, []))})
    before = await _results(runtime, survey_id)
    async with runtime.sessions.write() as session:
        await closing.close(session, survey_id, now=now)
    after = await _results(runtime, survey_id)
    assert (after.city.questions[0].said, after.city.answered, before.city.answered) == (20, None, None)
    assert (before.city.asked, before.city.answered_at_least) == (30, 20)


async def test_a_survey_nobody_was_asked_has_empty_results(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> None:
    survey_id = await _fill(runtime, town, plan, now, {})
    async with runtime.sessions.write() as session:
        await closing.close(session, survey_id, now=now)
    told = await _results(runtime, survey_id)
    assert (told.city.asked, told.city.answered, told.wards) == (0, 0, ())
    assert [option.count for option in told.city.questions[0].options] == [0, 0]


async def test_a_draft_and_no_survey_have_no_results(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        draft = await launch.create(session, plan, now=now)
    for survey_id in (draft.id, 999):
        with pytest.raises(NotFound, match="no results"):
            await _results(runtime, survey_id)


async def test_the_table_for_a_spreadsheet_leaves_hidden_numbers_empty_and_runs_nothing(
    runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime
) -> None:
    hostile = replace(plan.questions[0], text='=HYPERLINK("http://evil")', options=("+1", "-1, or less"))
    yes, no = [(0, AnswerKind.OPTION, 0)], [(0, AnswerKind.OPTION, 1)]
    survey_id = await _fill(runtime, town, replace(plan, questions=(hostile,)), now, {ROKER: _people((8, yes), (2, no))})
    async with runtime.sessions.write() as session:
        await closing.close(session, survey_id, now=now)
    text = table.as_csv(table.lines(await _results(runtime, survey_id)))
    assert text.splitlines()[1] == 'city,,10,10,1,"\'=HYPERLINK(""http://evil"")",\'+1,10,,,,,"' + table.NOTE + '"'
    assert "'-1, or less" in text


@pytest.mark.slow
async def test_a_quarter_of_a_million_answers_are_counted_in_a_second(
    runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime
) -> None:
    async with runtime.sessions.write() as session:
        survey = Survey(status=SurveyStatus.CLOSED, title="Big", ward_codes=[], created_at=now, launched_at=now, closed_at=now)
        session.add(survey)
        await session.flush()
        await launch.add_questions(session, survey.id, (replace(plan.questions[0], type=QuestionType.SCALE, options=()),) * 5)
        wards = list(town.wards.values())
        moment = sa.bindparam("now", now, sa.inspect(Resident).columns.created_at.type)
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
        ward = f"CASE i % 3 WHEN 0 THEN {wards[0]} WHEN 1 THEN {wards[1]} ELSE {wards[2]} END"
        for into in ("invitations (survey_id, ward_id, invited_at)", "responses (survey_id, ward_id, started_at, updated_at)"):
            times = ":now" if into.startswith("inv") else ":now, :now"
            await session.execute(sa.text(f"INSERT INTO {into} {numbers} SELECT {survey.id}, {ward}, {times} FROM n").bindparams(moment))
        await session.execute(
            sa.text(
                "INSERT INTO answers (response_id, question_id, kind, choice, answered_at)"
                " SELECT r.id, q.id, 'scale', 1 + (r.id + q.id) % 5, :now FROM responses r CROSS JOIN questions q"
            ).bindparams(moment)
        )
    started = time.monotonic()
    told = await _results(runtime, survey.id)
    taken = time.monotonic() - started
    assert told.city.answered == 50_000 and told.city.questions[0].options[0].count == 10_000
    assert taken < 3, taken
