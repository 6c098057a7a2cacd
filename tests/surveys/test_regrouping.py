"""Regrouping: a survey stays counted under the wards and areas there were when it opened, whatever becomes of them."""

import itertools
from datetime import date, datetime

import pytest
import sqlalchemy as sa

from intouch.digest import briefing
from intouch.digest.scope import Scope
from intouch.places import import_wards
from intouch.places.geojson import WardShape
from intouch.places.models import Area, Ward
from intouch.runtime import Runtime
from intouch.surveys import closing, grouping, launch
from intouch.surveys.models import Answer, AnswerKind, Invitation, Option, Question, Response
from intouch.surveys.plan import SurveyPlan
from intouch.surveys.results import SurveyResults, results
from tests.places.squares import square
from tests.surveys.conftest import FULWELL, ROKER, SOUTHWICK, Town

GRANGE = "E05016380"
NAMES = {SOUTHWICK: "Southwick", FULWELL: "Fulwell", ROKER: "Roker", GRANGE: "Grangetown"}
# Grangetown's three people are hidden, and Roker's with them, within a Coast that is shown.
SAID = {SOUTHWICK: (9, 8), FULWELL: (7, 9), ROKER: (9, 9), GRANGE: (3, 0)}


async def _regroup(runtime: Runtime, areas: dict[str, str], *, names: dict[str, str] = NAMES, since: date | None = None) -> None:
    """What ``intouch import wards --areas`` does with these wards."""
    shapes = [WardShape(code, name, [square(-float(at), 54.0)]) for at, (code, name) in enumerate(names.items())]
    async with runtime.sessions.write() as session:
        plan = await import_wards.plan(session, "wards.geojson", shapes, areas=areas, valid_from=since, today=date(2026, 11, 18))
        await import_wards.apply(session, plan)
        await grouping.keep(session)


@pytest.fixture
async def survey_id(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> int:
    """An open survey of four wards in which Grangetown's few people answered."""
    async with runtime.sessions.write() as session:
        grange = Ward(code=GRANGE, name=NAMES[GRANGE], area_id=town.areas["Coast"], valid_from=date(2026, 5, 7))
        session.add(grange)
        await session.flush()
        town.wards[GRANGE] = grange.id
        survey = await launch.create(session, plan, now=now)
        await launch.launch(session, survey.id, now=now)
        first = (await session.scalars(sa.select(Question).where(Question.survey_id == survey.id).order_by(Question.position))).first()
        assert first is not None
        options = list(await session.scalars(sa.select(Option.id).where(Option.question_id == first.id).order_by(Option.position)))
        for code, numbers in SAID.items():
            for option, number in zip(options, numbers, strict=True):
                await _answers(session, survey.id, town.wards[code], first.id, option, number, now)
        return survey.id


async def _answers(
    session: sa.ext.asyncio.AsyncSession, survey_id: int, ward_id: int, question_id: int, option: int, number: int, now: datetime
) -> None:
    for _ in range(number):
        session.add(Invitation(survey_id=survey_id, ward_id=ward_id, invited_at=now))
        response = Response(survey_id=survey_id, ward_id=ward_id, started_at=now, updated_at=now)
        session.add(response)
        await session.flush()
        session.add(Answer(response_id=response.id, question_id=question_id, kind=AnswerKind.OPTION, choice=option, answered_at=now))


async def _close(runtime: Runtime, survey_id: int, now: datetime) -> SurveyResults:
    async with runtime.sessions.write() as session:
        await closing.close(session, survey_id, now=now)
    return await _results(runtime, survey_id)


async def _results(runtime: Runtime, survey_id: int) -> SurveyResults:
    async with runtime.sessions.read() as session:
        return await results(session, survey_id, smallest=5)


async def test_no_regrouping_changes_what_was_published(runtime: Runtime, town: Town, survey_id: int, now: datetime) -> None:
    published = await _close(runtime, survey_id, now)
    grange = published.of_ward(town.wards[GRANGE])
    coast = published.of_area(town.areas["Coast"])
    assert grange is not None and grange.questions[0].said is None, "or there would be nothing to give away"
    assert coast is not None and [option.count for option in coast.questions[0].options] == [12, 9]
    for areas in itertools.product(("North", "Coast", "Newly made"), repeat=4):
        await _regroup(runtime, dict(zip(NAMES, areas, strict=True)))
        assert await _results(runtime, survey_id) == published


async def test_wards_renamed_closed_or_without_an_area_leave_what_was_published(
    runtime: Runtime, town: Town, survey_id: int, now: datetime
) -> None:
    published = await _close(runtime, survey_id, now)
    await _regroup(runtime, {}, names={code: f"{name} and around" for code, name in NAMES.items()})
    assert await _results(runtime, survey_id) == published
    await _regroup(runtime, {f"N{code}": "Coast" for code in NAMES}, names={f"N{c}": n for c, n in NAMES.items()}, since=date(2026, 11, 18))
    assert await _results(runtime, survey_id) == published
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Ward).values(area_id=None))
    assert await _results(runtime, survey_id) == published


async def test_a_regrouping_while_it_is_open_tells_no_hidden_number_either(runtime: Runtime, survey_id: int, now: datetime) -> None:
    before = await _results(runtime, survey_id)
    await _regroup(runtime, dict.fromkeys(NAMES, "North"))
    assert await _results(runtime, survey_id) == before
    closed = await _close(runtime, survey_id, now)
    assert [(area.name, area.asked) for area in closed.areas] == [("Coast", 21), ("North", 33)]


async def test_a_ward_that_comes_while_it_is_open_is_counted_where_it_was_put_first(
    runtime: Runtime, town: Town, survey_id: int, now: datetime
) -> None:
    new = {f"N{code}": name for code, name in NAMES.items()}
    await _regroup(runtime, dict.fromkeys(new, "Coast"), names=new, since=date(2026, 11, 18))
    async with runtime.sessions.write() as session:
        ward_id = (await session.scalars(sa.select(Ward.id).where(Ward.code == f"N{GRANGE}"))).one()
        session.add_all(Invitation(survey_id=survey_id, ward_id=ward_id, invited_at=now) for _ in range(6))
    before = await _results(runtime, survey_id)
    await _regroup(runtime, dict.fromkeys(new, "North"), names=new)
    assert await _results(runtime, survey_id) == before
    closed = await _close(runtime, survey_id, now)
    await _regroup(runtime, dict.fromkeys(new, "Newly made"), names=new)
    assert await _results(runtime, survey_id) == closed


async def test_the_briefing_compares_with_the_area_of_then(runtime: Runtime, town: Town, survey_id: int, now: datetime) -> None:
    await _close(runtime, survey_id, now)

    async def compared() -> list[object]:
        async with runtime.sessions.read() as session:
            ward = await session.get_one(Ward, town.wards[ROKER])
            found = await briefing.gather(
                session, Scope.of(runtime.settings, ward, since=now, until=now.max.replace(tzinfo=now.tzinfo), now=now)
            )
            return [question["groups"] for survey in found["surveys"] for question in survey["questions"]]

    before = await compared()
    assert [group["name"] for group in before[0]] == ["Roker", "Coast", ""]  # type: ignore[attr-defined]
    await _regroup(runtime, {ROKER: "North", SOUTHWICK: "Coast"})
    assert await compared() == before


async def test_an_area_that_asked_nobody_shows_nothing(runtime: Runtime, town: Town, survey_id: int, now: datetime) -> None:
    published = await _close(runtime, survey_id, now)
    async with runtime.sessions.write() as session:
        session.add(Area(name="Empty"))
    assert await _results(runtime, survey_id) == published
