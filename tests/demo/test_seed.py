"""The demo's council: complete, invented where it must be, the same every time, and made once."""

import shutil
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from intouch import app
from intouch import settings as settings_module
from intouch.clock import ShiftedClock
from intouch.council import people
from intouch.council.models import Councillor, Notice
from intouch.demo import cast, city, happenings, invented
from intouch.demo.seed import seed
from intouch.issues.models import IssueReport, IssueStatus, IssueUpdate
from intouch.outbox.models import Delivery, State
from intouch.places import lookup, postcodes
from intouch.places.models import Area, Postcode, Ward
from intouch.residents.models import Resident, ResidentStatus
from intouch.runtime import Runtime
from intouch.surveys.models import Response, Survey, SurveyStatus


@pytest.fixture
async def seeded(seeded_file: Path, tmp_path: Path, clock: ShiftedClock) -> AsyncIterator[Runtime]:
    shutil.copy(seeded_file, tmp_path / "city.sqlite3")
    runtime = app.build_runtime(settings_module.load(data_dir=tmp_path, database_url=f"sqlite:///{tmp_path / 'city.sqlite3'}"), clock)
    yield runtime
    await runtime.sessions.close()


def _count(session: Any, table: type, *conditions: Any) -> Any:
    return session.scalar(sa.select(sa.func.count()).select_from(table).where(*conditions))


async def test_the_whole_city_is_there(runtime: Runtime, now: Any) -> None:
    assert await seed(runtime)
    async with runtime.sessions.read() as session:
        assert [await _count(session, table) for table in (Area, Ward, Postcode, Councillor)] == [5, 25, 150, 75]
        per_area = await session.scalars(sa.select(sa.func.count()).select_from(Ward).group_by(Ward.area_id))
        assert all(4 <= number <= 6 for number in per_area)
        assert await _count(session, Resident, Resident.status == ResidentStatus.ACTIVE) == 603
        assert set(await session.scalars(sa.select(Survey.status))) == {SurveyStatus.OPEN, SurveyStatus.PUBLISHED}
        states = {IssueStatus.REPORTED, IssueStatus.IN_PROGRESS, IssueStatus.FIXED, IssueStatus.CLOSED}
        assert set(await session.scalars(sa.select(IssueReport.status))) == states
        last = now.date() + timedelta(days=14)
        assert await _count(session, Notice, Notice.starts_on >= now.date(), Notice.starts_on < last) == len(happenings._NOTICES)


async def test_seeding_again_changes_nothing(runtime: Runtime) -> None:
    assert await seed(runtime)
    assert not await seed(runtime)
    async with runtime.sessions.read() as session:
        assert await _count(session, Ward) == 25


async def test_seeding_takes_no_time_worth_waiting_for(runtime: Runtime) -> None:
    started = time.process_time()
    await seed(runtime)
    assert time.process_time() - started < 3


async def test_every_tile_is_found_by_its_centre_and_by_its_postcodes(seeded: Runtime, now: Any) -> None:
    async with seeded.sessions.read() as session:
        for tile in city.TILES:
            longitude, latitude = tile.centre
            assert (await lookup.ward_at(session, longitude=longitude, latitude=latitude, on=now.date())).code == tile.code
            for code in city.POSTCODES[tile.code]:
                assert (await lookup.ward_by_postcode(session, postcodes.display(code), on=now.date())).code == tile.code


def test_every_postcode_is_one_that_royal_mail_never_gives() -> None:
    codes = [code for codes in city.POSTCODES.values() for code in codes]
    assert len(set(codes)) == 150
    assert all(postcodes.normalise(code) == code and set(code[-2:]) <= set("CIKMOV") for code in codes)


def test_tiles_do_not_overlap_and_lie_where_the_city_does() -> None:
    assert len({(tile.column, tile.row) for tile in city.TILES}) == 25
    assert len({tile.code for tile in city.TILES}) == 25
    east_of = {city.tile(name).column for name in ("Roker", "Fulwell", "Ryhope", "Grangetown")}
    assert min(east_of) > max(city.tile(name).column for name in ("Washington Central", "Washington West"))


async def test_nobody_has_a_real_address(seeded: Runtime) -> None:
    async with seeded.sessions.read() as session:
        emails = [*(await session.scalars(sa.select(Councillor.email))), *(await session.scalars(sa.select(Resident.email)))]
    assert all(email.endswith(".example") for email in emails if email)


async def test_the_cast_is_in_its_places(seeded: Runtime) -> None:
    async with seeded.sessions.read() as session:
        assert (await people.officer_of(session, cast.OLIVE.telegram_id)).name == "Olive"  # type: ignore[union-attr]
        carl = await people.councillor_of(session, cast.CARL.telegram_id)
        southwick = (await session.scalars(sa.select(Ward).where(Ward.name == "Southwick"))).one()
        assert carl is not None and carl.ward_id == southwick.id
        assert len(await people.councillors_of(session, southwick.id)) == 3
        by_phone = {row.telegram_id: row for row in await session.scalars(sa.select(Resident).where(Resident.telegram_id < 2000))}
        assert set(by_phone) == {cast.ALICE.telegram_id, cast.BOB.telegram_id}
        grace = (await session.scalars(sa.select(Resident).where(Resident.email == cast.GRACE.email))).one()
        assert grace.telegram_id is None and grace.email_confirmed_at is not None


async def test_only_the_casts_invitations_are_still_on_their_way(seeded: Runtime) -> None:
    async with seeded.sessions.read() as session:
        waiting = list(await session.scalars(sa.select(Delivery.address).where(Delivery.state == State.QUEUED)))
    assert sorted(waiting) == sorted([str(cast.ALICE.telegram_id), str(cast.BOB.telegram_id), cast.GRACE.email])


async def test_some_wards_have_enough_answers_and_some_have_not(seeded: Runtime) -> None:
    async with seeded.sessions.read() as session:
        closed = (await session.scalars(sa.select(Survey.id).where(Survey.status == SurveyStatus.PUBLISHED))).one()
        counted = sa.select(Ward.name, sa.func.count()).join(Response, Response.ward_id == Ward.id).where(Response.survey_id == closed)
        answers = {row[0]: row[1] for row in await session.execute(counted.group_by(Ward.name))}
    assert all(answers[name] >= 30 for name in invented.BUSY_WARDS)
    assert min(answers.values()) < seeded.settings.smallest_count


async def test_reports_have_a_history_that_fits_their_state(seeded: Runtime, now: Any) -> None:
    async with seeded.sessions.read() as session:
        for report in await session.scalars(sa.select(IssueReport)):
            updates = list(await session.scalars(sa.select(IssueUpdate).where(IssueUpdate.report_id == report.id).order_by(IssueUpdate.id)))
            assert updates[-1].status is report.status
            assert updates[-1].updated_at == report.changed_at <= now
            assert (report.fixed_at == report.changed_at) is (report.status is IssueStatus.FIXED)


@pytest.mark.parametrize("make", [invented.residents, invented.councillors])
def test_the_invented_are_the_same_every_time(make: Callable[[], list[Any]]) -> None:
    assert make() == make()
    assert len({person.email for person in make() if person.email}) == sum(1 for person in make() if person.email)
