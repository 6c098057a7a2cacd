"""Importing wards: a new set closes the old one, known wards change in place, and a second time nothing changes."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from intouch.changes import Changes
from intouch.errors import BadInput
from intouch.places import import_wards, lookup
from intouch.places.geojson import WardShape
from intouch.places.import_wards import SINCE_EVER
from intouch.places.models import Area, Ward
from intouch.runtime import Runtime
from intouch.sheets import BadFile
from tests.places.squares import TODAY, square

OLD_SINCE, NEW_SINCE = date(2004, 5, 1), date(2026, 5, 7)


def shape(code: str, name: str, west: float = -2.0) -> WardShape:
    return WardShape(code, name, [square(west, 54.0)])


OLD = [shape("E1", "Castle"), shape("E2", "Hendon", -1.0), shape("E9", "Goes on", -4.0)]
NEW = [shape("E3", "Fulwell"), shape("E4", "Roker", -1.0), shape("E9", "Goes on", -4.0)]


async def take(runtime: Runtime, shapes: Sequence[WardShape], *, since: date | None = None, areas: dict[str, str] | None = None) -> Changes:
    async with runtime.sessions.write() as session:
        plan = await import_wards.plan(session, "wards.geojson", shapes, areas=areas or {}, valid_from=since, today=TODAY)
        await import_wards.apply(session, plan)
        return plan.changes


async def stored(runtime: Runtime) -> dict[str, tuple[date, date | None]]:
    async with runtime.sessions.read() as session:
        rows = await session.execute(sa.select(Ward.code, Ward.valid_from, Ward.valid_to).order_by(Ward.code))
        return {row.code: (row.valid_from, row.valid_to) for row in rows}


async def test_the_first_wards_have_always_been_in_force(runtime: Runtime) -> None:
    changes = await take(runtime, OLD[:2])
    assert changes.added == ["E1 Castle", "E2 Hendon"]
    assert changes.notes == ["The added wards are in force already."]
    assert await stored(runtime) == {"E1": (SINCE_EVER, None), "E2": (SINCE_EVER, None)}


async def test_a_set_of_last_may_closes_a_first_set_that_was_imported_without_a_day(runtime: Runtime) -> None:
    await take(runtime, OLD)
    changes = await take(runtime, NEW, since=date(2026, 5, 7))
    assert changes.closed == ["E1 Castle", "E2 Hendon"]
    assert (await stored(runtime))["E3"] == (date(2026, 5, 7), None)
    assert (await stored(runtime))["E1"] == (SINCE_EVER, date(2026, 5, 7))
    assert (await stored(runtime))["E9"] == (SINCE_EVER, None)


async def test_a_first_set_may_be_given_its_day_later(runtime: Runtime) -> None:
    await take(runtime, OLD)
    changes = await take(runtime, OLD, since=OLD_SINCE)
    assert changes.changed == ["E1 Castle (valid_from)", "E2 Hendon (valid_from)", "E9 Goes on (valid_from)"]
    assert {since for since, _ in (await stored(runtime)).values()} == {OLD_SINCE}


async def test_planning_alone_changes_nothing(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        await import_wards.plan(session, "f", OLD, areas={"E1": "North"}, valid_from=None, today=TODAY)
    assert await stored(runtime) == {}


async def test_a_new_set_closes_the_old_one_and_keeps_the_wards_they_share(runtime: Runtime) -> None:
    await take(runtime, OLD, since=OLD_SINCE)
    changes = await take(runtime, NEW, since=NEW_SINCE)
    assert changes.added == ["E3 Fulwell", "E4 Roker"]
    assert changes.closed == ["E1 Castle", "E2 Hendon"]
    assert changes.unchanged == 1
    after = {
        "E1": (OLD_SINCE, NEW_SINCE),
        "E2": (OLD_SINCE, NEW_SINCE),
        "E3": (NEW_SINCE, None),
        "E4": (NEW_SINCE, None),
        "E9": (OLD_SINCE, None),
    }
    assert await stored(runtime) == after
    for again, since in ((NEW, NEW_SINCE), (NEW, None), (OLD, OLD_SINCE), (OLD, None)):
        assert (await take(runtime, again, since=since)).is_empty
    assert await stored(runtime) == after


async def test_sets_may_come_in_any_order(runtime: Runtime) -> None:
    await take(runtime, NEW[:2], since=NEW_SINCE)
    changes = await take(runtime, OLD[:2], since=OLD_SINCE)
    assert (await stored(runtime))["E1"] == (OLD_SINCE, NEW_SINCE)
    assert (await stored(runtime))["E3"] == (NEW_SINCE, None)
    assert changes.notes == ["The added wards are in force from 2004-05-01 until 2026-05-07, when the wards that follow them begin."]


async def test_an_earlier_first_day_corrects_the_set_and_the_end_of_the_one_before(runtime: Runtime) -> None:
    await take(runtime, OLD[:2], since=OLD_SINCE)
    await take(runtime, NEW[:2], since=date(2026, 5, 9))
    changes = await take(runtime, NEW[:2], since=NEW_SINCE)
    assert changes.changed == ["E3 Fulwell (valid_from)", "E4 Roker (valid_from)"]
    assert (await stored(runtime))["E1"] == (OLD_SINCE, NEW_SINCE)


async def test_a_later_first_day_corrects_a_set_that_is_not_in_force_yet(runtime: Runtime) -> None:
    await take(runtime, OLD, since=OLD_SINCE)
    await take(runtime, NEW, since=date(2027, 5, 6))
    changes = await take(runtime, NEW, since=date(2027, 6, 3))
    assert changes.changed == ["E3 Fulwell (valid_from)", "E4 Roker (valid_from)"]
    assert changes.closed == ["E1 Castle", "E2 Hendon"]
    assert changes.notes == [
        "The closed wards end on 2027-06-03; residents who live in them are moved or asked on that day, at once if it has passed."
    ]
    after = {code: (OLD_SINCE, date(2027, 6, 3)) for code in ("E1", "E2")} | {code: (date(2027, 6, 3), None) for code in ("E3", "E4")}
    assert await stored(runtime) == after | {"E9": (OLD_SINCE, None)}
    assert (await take(runtime, NEW, since=date(2027, 6, 3))).is_empty


@pytest.mark.parametrize("before", [[], OLD])
async def test_a_set_in_force_is_not_moved_later_and_that_is_said(runtime: Runtime, before: list[WardShape]) -> None:
    if before:
        await take(runtime, before, since=OLD_SINCE)
    await take(runtime, NEW[:2], since=NEW_SINCE)
    stands = await stored(runtime)
    with pytest.raises(BadInput, match=r"^The wards of wards\.geojson are in force since 2026-05-07 already.*leave --valid-from out"):
        await take(runtime, NEW[:2], since=date(2026, 6, 7))
    assert await stored(runtime) == stands


async def test_known_wards_are_changed_in_place(runtime: Runtime) -> None:
    await take(runtime, OLD[:2])
    changes = await take(runtime, [shape("E1", "Castle"), shape("E2", "Hendon & Docks", -0.5)])
    assert changes.changed == ["E2 Hendon & Docks (name, boundary)"]
    async with runtime.sessions.read() as session:
        assert (await lookup.ward_at(session, longitude=0.4, latitude=54.5, on=TODAY)).name == "Hendon & Docks"


async def test_unknown_wards_need_a_first_day(runtime: Runtime) -> None:
    await take(runtime, OLD)
    with pytest.raises(BadInput, match=r"2 wards that In Touch does not know, such as E3\..*--valid-from"):
        await take(runtime, NEW)


async def test_a_closed_ward_is_not_opened_again(runtime: Runtime) -> None:
    await take(runtime, OLD, since=OLD_SINCE)
    await take(runtime, NEW, since=NEW_SINCE)
    with pytest.raises(BadInput, match="2 wards closed on or before 2026-05-07, such as E1, closed on 2026-05-07"):
        await take(runtime, OLD, since=NEW_SINCE)


async def test_wards_are_grouped_in_areas(runtime: Runtime) -> None:
    changes = await take(runtime, OLD, areas={"E1": "North", "E2": "Coast"})
    assert "1 ward is in no area of the areas' file, such as E9." in changes.notes
    assert (await take(runtime, OLD, areas={"E1": "North", "E2": "Coast"})).is_empty
    assert (await take(runtime, OLD)).is_empty
    changes = await take(runtime, OLD, areas={"E1": "Coast", "E2": "Coast", "E9": "Coast"})
    assert changes.changed == ["E1 Castle (area)", "E9 Goes on (area)"]
    async with runtime.sessions.read() as session:
        assert [area.name for area in await lookup.areas(session)] == ["Coast"]
        assert await session.scalar(sa.select(sa.func.count()).select_from(Area)) == 2


def test_an_areas_file_is_checked_against_the_wards(tmp_path: Path) -> None:
    path = tmp_path / "areas.csv"
    path.write_text("area,ward_code\n North  East ,e1\nNorth East,E1\nCoast,E2\n")
    assert import_wards.read_areas(path, OLD) == {"E1": "North East", "E2": "Coast"}
    path.write_text("area,ward_code\nNorth,E1\nCoast,E1\nCoast,E5\n,E2\n")
    with pytest.raises(BadFile) as raised:
        import_wards.read_areas(path, OLD)
    assert str(raised.value).splitlines()[1:] == [
        "  areas.csv, line 3: the ward E1 is in North already (line 2)",
        "  areas.csv, line 4: the ward E5 is not in the file of wards",
        "  areas.csv, line 5: area is empty",
    ]
