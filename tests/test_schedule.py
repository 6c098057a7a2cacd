"""Schedule: what a tick brings about, part by part, whatever fails and however many tick."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine

from intouch import schedule
from intouch.clock import ShiftedClock
from intouch.digest import approving, editions, ticks
from intouch.digest.models import Audience, Edition, EditionStatus
from intouch.outbox.models import Delivery
from intouch.places.models import Ward
from intouch.residents.models import Resident
from intouch.runtime import Runtime
from intouch.surveys.models import Survey, SurveyStatus
from tests.digest import writing
from tests.digest.conftest import Town
from tests.digest.conftest import town as town  # noqa: PLC0414 - the same two wards as the digest's own tests
from tests.faults import failing
from tests.outbox.outboxes import until

WEDNESDAY = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 20, 16, 0, 5, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 8, 0, 5, tzinfo=UTC)


async def tick(runtime: Runtime, clock: ShiftedClock, moment: datetime) -> dict[str, int]:
    clock.set(moment)
    return await schedule.reconcile(runtime)


async def count(runtime: Runtime, table: type[Edition] | type[Delivery]) -> int:
    async with runtime.sessions.read() as session:
        return await session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


@pytest.fixture
async def news(runtime: Runtime, town: Town) -> Town:
    """Something to say in both wards, and one reader and one councillor in Southwick."""
    for weeks in range(0, 60):
        day = date(2026, 11, 24) + timedelta(weeks=weeks)
        await writing.notice(runtime, "Road closed", on=day, ward_id=None, created_at=WEDNESDAY + timedelta(weeks=weeks))
    await town.subscriber()
    await town.councillor(telegram_id=4711)
    return town


async def test_friday_brings_the_digest_and_monday_the_briefing_each_once(runtime: Runtime, clock: ShiftedClock, news: Town) -> None:
    first = await tick(runtime, clock, WEDNESDAY)
    assert first["failed"] == 0 and set(first) == {"failed", *schedule.PARTS}
    assert [(await tick(runtime, clock, FRIDAY))["digests"] for _ in range(3)] == [1, 0, 0]
    assert [(await tick(runtime, clock, MONDAY))["briefings"] for _ in range(2)] == [2, 0]
    assert await count(runtime, Delivery) == 3


async def test_a_survey_that_closes_with_the_digest_is_in_it_and_not_in_the_next(runtime: Runtime, clock: ShiftedClock, news: Town) -> None:
    answers = {news.southwick: (21, 10), news.fulwell: (18, 22)}
    survey_id = await writing.survey(runtime, opened_at=WEDNESDAY, answers=answers)
    async with runtime.sessions.write() as session:
        (await session.get_one(Survey, survey_id)).closes_at = FRIDAY.replace(second=0)
    await tick(runtime, clock, WEDNESDAY)
    done = await tick(runtime, clock, FRIDAY)
    assert (done["surveys_closed"], done["digests"]) == (1, 1)
    await tick(runtime, clock, FRIDAY + timedelta(days=7))
    async with runtime.sessions.read() as session:
        assert (await session.get_one(Survey, survey_id)).status in (SurveyStatus.CLOSED, SurveyStatus.PUBLISHED)
        query = sa.select(Edition).where(Edition.ward_id == news.southwick, Edition.audience == Audience.DIGEST).order_by(Edition.period)
        assert [len(edition.contents["said"]) for edition in await session.scalars(query)] == [1, 0]


async def replaced(runtime: Runtime, news: Town, *, on: date) -> int:
    """A new ward instead of Southwick from that day on, in which Southwick's readers live by their place; its id."""
    box = {"west": -1.41, "south": 54.92, "east": -1.40, "north": 54.93}
    ring = [[-1.41, 54.92], [-1.40, 54.92], [-1.40, 54.93], [-1.41, 54.93], [-1.41, 54.92]]
    async with runtime.sessions.write() as session:
        (await session.get_one(Ward, news.southwick)).valid_to = on
        new = Ward(code="E05099999", name="Southwick and Redhouse", valid_from=on, boundary=[[ring]], **box)
        session.add(new)
        for reader in await session.scalars(sa.select(Resident)):
            reader.longitude, reader.latitude = -1.405, 54.925
    return new.id


async def test_a_digest_that_comes_a_day_late_still_finds_its_readers_in_the_ward_that_has_ended(
    runtime: Runtime, clock: ShiftedClock, news: Town
) -> None:
    """The machine was away from Friday to Saturday, when the new wards came into force."""
    new = await replaced(runtime, news, on=FRIDAY.date() + timedelta(days=1))
    await tick(runtime, clock, WEDNESDAY)
    done = await tick(runtime, clock, FRIDAY + timedelta(hours=18))
    assert (done["failed"], done["residents_moved"]) == (0, 1)
    assert [(await tick(runtime, clock, FRIDAY + timedelta(hours=hours)))["digests"] for hours in (19, 7 * 24)] == [0, 1]
    async with runtime.sessions.read() as session:
        query = sa.select(Edition.period, Edition.ward_id).join(
            Delivery, Delivery.batch == sa.literal("edition:") + sa.cast(Edition.id, sa.Text)
        )
        sent = [tuple(row) for row in await session.execute(query.where(Edition.audience == Audience.DIGEST).order_by(Edition.period))]
    assert sent == [("2026-W47", news.southwick), ("2026-W48", new)]


@pytest.mark.parametrize("others", [0, 1])
async def test_what_an_officer_lets_out_when_its_readers_live_in_other_wards_is_told_by_those(
    runtime: Runtime, clock: ShiftedClock, news: Town, others: int
) -> None:
    """It went to nobody, and the new ward's first edition began where it ended."""
    new = await replaced(runtime, news, on=FRIDAY.date() + timedelta(days=4))
    for weeks in (2, 1):
        await tick(runtime, clock, FRIDAY - timedelta(weeks=weeks))
    await tick(runtime, clock, FRIDAY + timedelta(days=2))
    await tick(runtime, clock, FRIDAY + timedelta(days=4, hours=1))
    async with runtime.sessions.write() as session:
        for late in await approving.waiting(session):
            if others or late.ward == "Southwick":
                await approving.approve(session, late.edition_id)
    await tick(runtime, clock, FRIDAY + timedelta(days=5))
    async with runtime.sessions.read() as session:
        due = await editions.missing(
            session, Audience.DIGEST, schedule.weekly(runtime.settings, Audience.DIGEST), now=FRIDAY + timedelta(days=7)
        )
        status = await session.scalar(sa.select(Edition.status).where(Edition.ward_id == news.southwick, Edition.period == "2026-W47"))
    assert status is EditionStatus.CANCELLED
    assert {one.ward.id: one.since for one in due}[new] - (FRIDAY - timedelta(weeks=1)) < timedelta(seconds=1)


async def test_one_part_that_fails_does_not_stop_the_others(runtime: Runtime, clock: ShiftedClock, news: Town) -> None:
    await tick(runtime, clock, WEDNESDAY)
    with failing(OSError("the disk is full"), when=lambda said, _: "issue_reports" in said, times=1):
        done = await tick(runtime, clock, FRIDAY)
    assert (done["failed"], done["digests"]) == (1, 1)
    assert "reports_moved" not in done


async def test_one_ward_that_fails_does_not_keep_the_others_from_theirs_and_gets_its_own_later(
    runtime: Runtime, clock: ShiftedClock, news: Town
) -> None:
    await news.subscriber(news.fulwell, name="Bob")
    await tick(runtime, clock, WEDNESDAY)
    with failing(RuntimeError("a bug"), when=lambda said, given: "INTO editions" in said and news.fulwell in given):
        assert (await tick(runtime, clock, FRIDAY))["failed"] == 1
    assert await count(runtime, Delivery) == 1
    assert (await tick(runtime, clock, FRIDAY))["digests"] == 1


async def test_the_first_wards_edition_is_told_to_whoever_sends_before_the_next_is_made(
    runtime: Runtime, clock: ShiftedClock, news: Town
) -> None:
    await news.subscriber(news.fulwell, name="Bob")
    await tick(runtime, clock, WEDNESDAY)
    heard: list[str] = []

    def hear(_connection: object, _cursor: object, said: str, *_: object) -> None:
        if "INTO editions" in said:
            heard.append("making one")

    sa.event.listen(runtime.sessions.engine.sync_engine, "before_cursor_execute", hear)
    runtime.bell.listen(lambda: heard.append("ring"))
    assert (await tick(runtime, clock, FRIDAY))["digests"] == 2
    assert heard == ["making one", "ring"] * 2


async def test_two_processes_that_tick_at_once_publish_one_edition_a_ward(runtime: Runtime, clock: ShiftedClock, news: Town) -> None:
    await tick(runtime, clock, WEDNESDAY)
    clock.set(FRIDAY)
    await asyncio.gather(*(schedule.reconcile(runtime) for _ in range(4)))
    assert await count(runtime, Edition) == 2
    assert await count(runtime, Delivery) == 1


@pytest.mark.slow
async def test_a_year_of_ticks_brings_every_week_once_over_both_clock_changes_and_a_missed_month(
    runtime: Runtime, clock: ShiftedClock, news: Town
) -> None:
    moment = WEDNESDAY
    while moment < WEDNESDAY + timedelta(days=365):
        if not datetime(2027, 3, 1, tzinfo=UTC) < moment < datetime(2027, 3, 30, tzinfo=UTC):
            await tick(runtime, clock, moment)
        moment += timedelta(hours=35, minutes=56)  # four minutes early, every day and a half
    async with runtime.sessions.read() as session:
        rows = (await session.execute(sa.select(Edition.audience, Edition.ward_id, Edition.period, Edition.status))).all()
        owners = list(await session.scalars(sa.select(Delivery.key)))
    assert max(Counter((row.audience, row.ward_id, row.period) for row in rows).values()) == 1
    digests = {row.period: row.status for row in rows if row.audience is Audience.DIGEST}
    assert len(digests) == 52 - 3  # three Fridays of March passed while nobody was there; the last of them waits
    assert [period for period, status in digests.items() if status is EditionStatus.WAITING] == ["2027-W12"]
    assert len(owners) == len(set(owners))
    assert sum(key.startswith("digest:") for key in owners) == len(digests) - 1


async def test_the_schedule_ticks_at_start_and_wakes_the_sender(runtime: Runtime, news: Town) -> None:
    woken = asyncio.Event()
    running = schedule.Schedule(runtime, after=woken.set)
    await running.start()
    await asyncio.wait_for(woken.wait(), 20)
    await running.stop()
    assert await running.tick() == {}


async def test_ticks_go_on_when_the_clock_is_set_back_an_hour(runtime: Runtime) -> None:
    ticks: list[datetime] = []
    running = schedule.Schedule(runtime, after=lambda: ticks.append(datetime.now(UTC)), every=0.05)
    with time_machine.travel(datetime(2026, 11, 18, 12, 0, tzinfo=UTC), tick=True) as traveller:
        await running.start()
        await until(lambda: len(ticks) >= 2)
        traveller.move_to(datetime(2026, 11, 18, 11, 0, tzinfo=UTC))
        before = len(ticks)
        await until(lambda: len(ticks) >= before + 3)
        await running.stop()
    assert ticks[-1] < ticks[0]


async def test_a_tick_that_the_one_before_held_up_says_how_late_it_is(runtime: Runtime) -> None:
    held = asyncio.Event()
    ticks: list[float] = []

    async def slow(_runtime: Runtime, _now: datetime) -> int:
        ticks.append(running.lateness["every"])
        if len(ticks) == 1:
            await asyncio.sleep(0.5)
        else:
            held.set()
        return 0

    running = schedule.Schedule(runtime, every=0.1, parts={"slow": slow})
    await running.start()
    await asyncio.wait_for(held.wait(), 20)
    await running.stop()
    assert ticks[1] >= 0.3


async def test_a_tick_is_written_down_for_the_processes_that_have_no_schedule(runtime: Runtime) -> None:
    running = schedule.Schedule(runtime, parts={})
    await running.start()
    async with asyncio.timeout(20):
        while True:
            async with runtime.sessions.read() as session:
                if found := await ticks.lateness(session, now=runtime.now()):
                    break
            await asyncio.sleep(0.01)
    await running.stop()
    assert 0 <= found["every"] < 5


async def test_a_tick_that_does_not_come_is_later_and_later(runtime: Runtime) -> None:
    may_end = asyncio.Event()

    async def hanging(_runtime: Runtime, _now: datetime) -> int:
        await may_end.wait()
        return 0

    running = schedule.Schedule(runtime, every=0.1, parts={"hanging": hanging})
    assert running.lateness_now() == {}
    await running.start()
    await until(lambda: running.lateness_now().get("every", 0.0) > 0.5)
    assert running.lateness["every"] < 0.5
    may_end.set()
    await running.stop()


async def test_the_schedule_survives_a_database_that_is_gone(runtime: Runtime) -> None:
    async def gone(_runtime: Runtime, _now: datetime) -> int:
        raise OSError("no database")

    running = schedule.Schedule(runtime, parts=dict.fromkeys(schedule.PARTS, gone))
    assert (await running.tick())["failed"] == len(schedule.PARTS)
    assert (await running.tick())["failed"] == len(schedule.PARTS)


async def test_two_ticks_of_one_process_never_run_at_once(runtime: Runtime) -> None:
    inside: list[int] = []
    most = 0

    async def slow(_runtime: Runtime, _now: datetime) -> int:
        nonlocal most
        inside.append(1)
        most = max(most, len(inside))
        await asyncio.sleep(0.01)
        inside.pop()
        return 1

    running = schedule.Schedule(runtime, parts={"slow": slow})
    await asyncio.gather(*(running.tick() for _ in range(5)))
    assert most == 1
