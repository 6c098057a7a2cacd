"""Real data: Sunderland's wards before and since 7 May 2026 and its 7,129 postcodes, as the city has them."""

import csv
import functools
import os
import time
from datetime import date, datetime
from pathlib import Path

import pytest
import shapely
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.places import containment, geojson, import_postcodes, import_wards, lookup, postcodes
from intouch.places.models import Postcode, Ward
from intouch.residents import moving
from intouch.residents.models import Resident, ResidentStatus, WardSource
from intouch.runtime import Runtime

pytestmark = pytest.mark.real_data

FOLDER = Path(os.environ.get("INTOUCH_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
OLD = ("sunderland_wards_2004-2026.geojson", "sunderland_postcode_to_ward_2013-2026.csv", "WD13CD", "WD13NM")
NEW = ("sunderland_wards_2026-05.geojson", "sunderland_postcode_to_ward_2026-05.csv", "WD26CD", "WD26NM")
OLD_SINCE, NEW_SINCE, TODAY = date(2004, 5, 1), date(2026, 5, 7), date(2026, 11, 18)
BEFORE = date(2026, 5, 6)
BOTH_SETS = pytest.mark.parametrize("names", [OLD, NEW], ids=["2004-2026", "2026-05"])


@pytest.fixture(autouse=True)
def folder() -> Path:
    """The folder of the real data: where it is missing the test is skipped, but in CI it fails."""
    if not FOLDER.is_dir():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"there is no real data in {FOLDER}")
    return FOLDER


# Reading is tested by itself; eight times over in one test it is only slow.
@functools.cache
def shapes_of(names: tuple[str, str, str, str]) -> list[geojson.WardShape]:
    return geojson.read(FOLDER / names[0], code_field=names[2], name_field=names[3])


@functools.cache
def rows_of(names: tuple[str, str, str, str]) -> list[import_postcodes.PostcodeRow]:
    wards = {shape.code for shape in shapes_of(names)}
    return import_postcodes.read(FOLDER / names[1], wards=wards, postcode_field="postcode", ward_field=names[2])


async def take_wards(session: AsyncSession, names: tuple[str, str, str, str], since: date) -> import_wards.WardPlan:
    plan = await import_wards.plan(session, names[0], shapes_of(names), areas={}, valid_from=since, today=TODAY)
    await import_wards.apply(session, plan)
    return plan


async def take_postcodes(session: AsyncSession, names: tuple[str, str, str, str]) -> import_postcodes.PostcodePlan:
    plan = await import_postcodes.plan(session, names[1], rows_of(names))
    await import_postcodes.apply(session, plan)
    return plan


@BOTH_SETS
def test_the_ward_of_every_postcode_by_its_centre_is_the_one_in_the_file(names: tuple[str, str, str, str]) -> None:
    """The boundaries are generalised to about 10 m; still each of the 7,129 centres lies in the ward that its file names."""
    shapes = sorted(shapes_of(names), key=lambda shape: shape.code)
    ours = [(shape.code, containment.box(shape.boundary), shape.boundary) for shape in shapes]
    oracle = [(shape.code, shapely.MultiPolygon([(polygon[0], polygon[1:]) for polygon in shape.boundary])) for shape in shapes]
    shapely.prepare([polygon for _, polygon in oracle])
    rows = rows_of(names)
    assert len(rows) in (7128, 7129)
    for row in rows:
        x, y = row.longitude or 0.0, row.latitude or 0.0
        found = [code for code, box, boundary in ours if containment.in_box(box, x, y) and containment.contains(boundary, x, y)]
        point = shapely.Point(x, y)
        assert found == [code for code, polygon in oracle if polygon.covers(point)]
        assert found == [row.ward_code]


@BOTH_SETS
def test_every_real_postcode_is_read_as_it_is_written(names: tuple[str, str, str, str]) -> None:
    with open(FOLDER / names[1], newline="") as file:
        for row in csv.DictReader(file):
            postcode = postcodes.strict(row["postcode"])
            assert postcode == postcodes.normalise(row["postcode"].lower().replace(" ", "-"))
            assert postcodes.display(postcode or "") == row["postcode"]


async def test_both_sets_are_imported_in_seconds_and_a_second_time_nothing_changes(runtime: Runtime) -> None:
    started = time.perf_counter()
    async with runtime.sessions.write() as session:
        assert len((await take_wards(session, OLD, OLD_SINCE)).added) == 25
        assert len((await take_postcodes(session, OLD)).changes.added) == 7128
        new = await take_wards(session, NEW, NEW_SINCE)
        assert (len(new.added), len(new.closed)) == (25, 25)
        changes = (await take_postcodes(session, NEW)).changes
        assert (len(changes.added), len(changes.changed)) == (1, 7128)
    assert time.perf_counter() - started < 20
    async with runtime.sessions.write() as session:
        for names, since in ((OLD, OLD_SINCE), (NEW, NEW_SINCE)):
            assert (await take_wards(session, names, since)).changes.is_empty
            assert (await take_postcodes(session, names)).changes.is_empty
    async with runtime.sessions.read() as session:
        assert len(await lookup.wards(session, on=BEFORE)) == len(await lookup.wards(session, on=NEW_SINCE)) == 25
        by_code = {ward.code: ward.id for ward in await session.scalars(sa.select(Ward))}
        stored = {row.postcode: row.ward_id for row in await session.execute(sa.select(Postcode.postcode, Postcode.ward_id))}
        assert stored == {row.postcode: by_code[row.ward_code] for row in rows_of(NEW)}
        old_ward = {row.postcode: row.ward_code for row in rows_of(OLD)}
        started = time.perf_counter()
        for row in rows_of(NEW)[::71]:
            assert (await lookup.ward_by_postcode(session, row.postcode, on=TODAY)).code == row.ward_code
            there = await lookup.ward_at(session, longitude=row.longitude or 0.0, latitude=row.latitude or 0.0, on=TODAY)
            assert there.code == row.ward_code
            if row.postcode in old_ward:
                assert (await lookup.ward_by_postcode(session, row.postcode, on=BEFORE)).code == old_ward[row.postcode]
        assert (time.perf_counter() - started) / 303 < 0.05  # of the 100 ms that a reply of the bot may take


async def test_residents_of_the_old_wards_are_moved_to_the_new_ones(runtime: Runtime, now: datetime) -> None:
    new_ward = {row.postcode: row.ward_code for row in rows_of(NEW)}
    async with runtime.sessions.write() as session:
        await take_wards(session, OLD, OLD_SINCE)
        await take_postcodes(session, OLD)
        old = {ward.code: ward.id for ward in await lookup.wards(session, on=BEFORE)}
        residents = []
        for number, row in enumerate(rows_of(OLD)[::3]):
            by_place = number % 2 == 1
            how = {"ward_source": WardSource.LOCATION, "longitude": row.longitude, "latitude": row.latitude, "postcode": None}
            if not by_place:
                how = {"ward_source": WardSource.POSTCODE, "longitude": None, "latitude": None, "postcode": row.postcode}
            who = {"first_name": row.postcode, "ward_id": old[row.ward_code], "status": ResidentStatus.ACTIVE, "created_at": now}
            residents.append({**who, **how, "telegram_id": 1000 + number})
        chosen = {"ward_source": WardSource.CHOSEN, "longitude": None, "latitude": None, "postcode": None, "telegram_id": 999}
        residents.append({**residents[0], **chosen, "first_name": ""})
        await session.execute(sa.insert(Resident), residents)
        await take_wards(session, NEW, NEW_SINCE)

    async def move(on: date) -> moving.Moved:
        async with runtime.sessions.write() as session:
            return await moving.move_to_new_wards(session, on=on, now=now, templates=runtime.templates, links=runtime.links)

    assert await move(BEFORE) == moving.Moved()
    started = time.perf_counter()
    assert await move(NEW_SINCE) == moving.Moved(moved=2376, to_ask=1)
    assert time.perf_counter() - started < 10
    async with runtime.sessions.write() as session:
        await take_postcodes(session, NEW)
        assert await moving.follow_postcodes(session, on=NEW_SINCE, now=now) == 0
        lives_in = sa.select(Resident.first_name, Ward.code).join(Ward, Ward.id == Resident.ward_id)
        moved = {row.first_name: row.code for row in await session.execute(lives_in)}
    assert moved == {row["first_name"]: new_ward[str(row["first_name"])] for row in residents[:-1]}
    assert await move(TODAY) == moving.Moved()
