"""Launching: everybody of the audience is asked once, by the road they chose."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from intouch.errors import BadInput, Closed, NotFound
from intouch.outbox.models import Delivery, Lane, Road, State
from intouch.residents.models import Channel, Resident, ResidentStatus, Topic
from intouch.runtime import Runtime
from intouch.surveys import launch
from intouch.surveys.models import Invitation, Option, Question, Survey, SurveyStatus
from intouch.surveys.plan import SurveyPlan
from tests.surveys.conftest import FULWELL, ROKER, SOUTHWICK, Town


async def _deliveries(runtime: Runtime) -> list[Delivery]:
    async with runtime.sessions.read() as session:
        return list(await session.scalars(sa.select(Delivery).order_by(Delivery.id)))


async def _create(runtime: Runtime, plan: SurveyPlan, now: datetime) -> int:
    async with runtime.sessions.write() as session:
        return (await launch.create(session, plan, now=now)).id


async def _launch(runtime: Runtime, survey_id: int, now: datetime) -> int:
    async with runtime.sessions.write() as session:
        return await launch.launch(session, survey_id, now=now)


async def test_everybody_of_the_ward_is_invited_once(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        alice = await town.resident(session)
        grace = await town.resident(session, channel=Channel.EMAIL)
        await town.resident(session, FULWELL)
        await town.resident(session, status=ResidentStatus.STOPPED)
        await town.resident(session, topics=(Topic.DIGEST,))
    survey_id = await _create(runtime, replace(plan, wards=(SOUTHWICK,)), now)
    assert await _launch(runtime, survey_id, now) == 2
    sent = {delivery.key: delivery for delivery in await _deliveries(runtime)}
    assert set(sent) == {f"invite:{survey_id}:{alice.id}", f"invite:{survey_id}:{grace.id}"}
    to_alice, to_grace = sent[f"invite:{survey_id}:{alice.id}"], sent[f"invite:{survey_id}:{grace.id}"]
    assert (to_alice.road, to_alice.address) == (Road.TELEGRAM, str(alice.telegram_id))
    assert (to_grace.road, to_grace.address) == (Road.EMAIL, grace.email)
    assert (to_alice.kind, to_alice.lane, to_alice.state) == ("survey.invitation", Lane.BULK, State.QUEUED)
    assert (to_alice.payload, to_alice.owner, to_alice.batch) == ({"survey_id": survey_id}, f"resident:{alice.id}", f"survey:{survey_id}")
    assert (to_alice.due_at, to_alice.created_at, to_alice.tries) == (now, now, 0)


async def test_who_blocked_the_bot_is_asked_by_email_only_if_they_wanted_that(
    runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime
) -> None:
    async with runtime.sessions.write() as session:
        for wants_email in (True, False):
            bob = await town.resident(session)
            bob.telegram_blocked_at = now
            if wants_email:
                twin = await town.resident(session, channel=Channel.EMAIL)
                twin.telegram_id, twin.telegram_blocked_at = 77, now
        await session.flush()
    survey_id = await _create(runtime, plan, now)
    assert await _launch(runtime, survey_id, now) == 1
    assert [delivery.road for delivery in await _deliveries(runtime)] == [Road.EMAIL]


async def test_ten_officers_launching_at_once_send_one_invitation_each(
    runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime
) -> None:
    async with runtime.sessions.write() as session:
        for _ in range(3):
            await town.resident(session)
    survey_id = await _create(runtime, plan, now)
    invited = await asyncio.gather(*(_launch(runtime, survey_id, now) for _ in range(10)))
    assert sorted(invited) == [0] * 9 + [3]
    assert len(await _deliveries(runtime)) == 3


async def test_reach_is_the_number_that_launching_invites(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        for ward in (SOUTHWICK, FULWELL, ROKER):
            await town.resident(session, ward)
        survey = await launch.create(session, replace(plan, areas=("North",)), now=now)
        assert await launch.reach(session, survey, now=now) == 2
        assert await launch.launch(session, survey.id, now=now) == 2
        assert survey.ward_codes == sorted([SOUTHWICK, FULWELL])


async def test_the_sounding_board_is_asked_at_most_once_a_week(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        await town.resident(session, topics=(Topic.SURVEYS, Topic.SOUNDING_BOARD))
        await town.resident(session)
    board = replace(plan, is_for_sounding_board=True, closes_at=now + timedelta(days=30))
    invited = []
    for day in (0, 6, 8):
        moment = now + timedelta(days=day)
        invited.append(await _launch(runtime, await _create(runtime, board, moment), moment))
    everybody = await _launch(runtime, await _create(runtime, plan, now), now)
    assert (invited, everybody) == ([1, 0, 1], 2)


async def test_a_survey_for_later_opens_when_its_time_has_come(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        await town.resident(session)
    later = now + timedelta(days=1)
    survey_id = await _create(runtime, replace(plan, opens_at=later), now)
    assert await _launch(runtime, survey_id, now) == 0
    async with runtime.sessions.write() as session:
        assert await launch.open_due(session, now=later - timedelta(seconds=1)) == 0
        assert await launch.open_due(session, now=later) == 1
        assert await launch.open_due(session, now=later) == 0
    assert len(await _deliveries(runtime)) == 1


async def test_a_survey_created_for_later_but_never_launched_stays_a_draft(
    runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime
) -> None:
    await _create(runtime, replace(plan, opens_at=now + timedelta(days=1)), now)
    async with runtime.sessions.write() as session:
        assert await launch.open_due(session, now=now + timedelta(days=2)) == 0


async def test_a_survey_that_slept_through_all_its_time_invites_nobody(
    runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime
) -> None:
    async with runtime.sessions.write() as session:
        await town.resident(session)
    survey_id = await _create(runtime, replace(plan, opens_at=now + timedelta(days=1)), now)
    await _launch(runtime, survey_id, now)
    async with runtime.sessions.write() as session:
        assert await launch.open_due(session, now=now + timedelta(days=30)) == 0
        survey = await session.get(Survey, survey_id)
        assert survey is not None and survey.status is SurveyStatus.CLOSED
    assert await _deliveries(runtime) == []


async def test_a_file_is_launched_once_even_by_two_processes(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> None:
    async def one() -> int | str:
        try:
            return await _create(runtime, replace(plan, file_hash="abc"), now)
        except launch.AlreadyLaunched as error:
            return str(error)

    outcomes = await asyncio.gather(*(one() for _ in range(5)))
    ids = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert len(ids) == 1
    assert all(f"as survey {ids[0]}" in str(outcome) for outcome in outcomes if isinstance(outcome, str))
    async with runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Question)) == 4
        assert await session.scalar(sa.select(sa.func.count()).select_from(Option)) == 5


async def test_what_cannot_be_launched_is_named(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> None:
    for wrong, sentence in (
        (replace(plan, wards=("E05000000",)), "audience.wards: there is no ward E05000000"),
        (replace(plan, areas=("Atlantis",)), "audience.areas: there is no area Atlantis"),
        (replace(plan, closes_at=now), "closes: that moment has passed"),
    ):
        with pytest.raises(BadInput, match=sentence):
            await _create(runtime, wrong, now)
    with pytest.raises(NotFound, match="no survey 99"):
        await _launch(runtime, 99, now)
    no_questions = await _create(runtime, replace(plan, questions=()), now)
    with pytest.raises(BadInput, match="no question yet"):
        await _launch(runtime, no_questions, now)


async def test_a_closed_survey_is_not_launched_again(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> None:
    survey_id = await _create(runtime, plan, now)
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Survey).values(status=SurveyStatus.CLOSED))
    with pytest.raises(Closed, match="closed already"):
        await _launch(runtime, survey_id, now)


async def test_the_audience_is_named_by_area_where_it_is_whole(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        names = []
        for audience in ({"areas": ("North",)}, {"wards": (SOUTHWICK, ROKER)}, {}):
            survey = await launch.create(session, replace(plan, **audience), now=now)  # type: ignore[arg-type]
            names.append(await launch.asked_names(session, survey))
    assert names == [["North"], ["Coast", "Southwick"], []]


@pytest.mark.slow
async def test_a_hundred_thousand_residents_are_invited_in_seconds(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
        ward, moment = town.wards[SOUTHWICK], sa.literal(now, sa.inspect(Resident).columns.created_at.type)
        booleans = "false, false, false"
        await session.execute(
            sa.text(
                "INSERT INTO residents (status, telegram_id, first_name, language, ward_id, was_asked_email, was_asked_board,"
                f" wants_board, created_at) {numbers} SELECT 'active', i, '', 'en', :ward, {booleans}, :now FROM n"
            ).bindparams(sa.bindparam("now", now, moment.type), ward=ward)
        )
        await session.execute(
            sa.text(
                "INSERT INTO subscriptions (resident_id, topic, channel, started_at) SELECT id, 'surveys', 'telegram', :now FROM residents"
            ).bindparams(sa.bindparam("now", now, moment.type))
        )
    survey_id = await _create(runtime, plan, now)
    started = asyncio.get_running_loop().time()
    assert await _launch(runtime, survey_id, now) == 100_000
    assert asyncio.get_running_loop().time() - started < 30
    async with runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == 100_000
        assert await session.scalar(sa.select(sa.func.count()).select_from(Invitation)) == 100_000
