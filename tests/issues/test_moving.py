"""Moving: open reports go into the wards that are in force, so that nobody loses sight of them."""

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from intouch import schedule
from intouch.digest import briefing
from intouch.digest.scope import Scope
from intouch.issues import listing, moving, reporting
from intouch.issues.models import IssueReport, IssueStatus
from intouch.places import lookup
from intouch.places.models import Postcode, Ward
from intouch.runtime import Runtime
from tests.issues.cast import CATEGORIES, IN_FULWELL, IN_SOUTHWICK, IN_THE_SEA, NOW, TODAY, Cast, a_draft, a_report, seed
from tests.places.squares import square

AT_FULWELL, AT_SOUTHWICK = square(-1.39, 54.93, 0.02), square(-1.42, 54.91, 0.02)


async def new_wards(runtime: Runtime, *, names: tuple[str, str] = ("Southwick", "Southwick West")) -> tuple[int, int]:
    """A new set from today: the first where Southwick was, the second where Fulwell was."""
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Ward).values(valid_to=TODAY))
        made = []
        for code, name, boundary in (("N1", names[0], AT_SOUTHWICK), ("N2", names[1], AT_FULWELL)):
            west, south = boundary[0][0]
            box = {"west": west, "south": south, "east": west + 0.02, "north": south + 0.02}
            made.append(Ward(code=code, name=name, boundary=[boundary], valid_from=TODAY, **box))
        session.add_all(made)
        await session.flush()
        return made[0].id, made[1].id


async def put(runtime: Runtime, **values: Any) -> str:
    """A report of Alice's in Southwick with these columns; its reference."""
    async with runtime.sessions.write() as session:
        alice = (await session.scalars(sa.select(IssueReport.resident_id).limit(1))).first() or 1
        report = await a_report(session, alice, now=NOW - timedelta(days=30))
        await session.execute(sa.update(IssueReport).where(IssueReport.id == report.id).values(values))
        return report.reference or ""


async def follow(runtime: Runtime, *, on: date = TODAY) -> int:
    async with runtime.sessions.write() as session:
        return await moving.move_to_new_wards(session, on=on, now=NOW)


async def where(runtime: Runtime) -> dict[str, int | None]:
    async with runtime.sessions.read() as session:
        rows = await session.execute(sa.select(IssueReport.reference, IssueReport.ward_id))
        return {reference: ward_id for reference, ward_id in rows if reference}


@pytest.fixture
async def cast(runtime: Runtime) -> Cast:
    async with runtime.sessions.write() as session:
        return await seed(session)


def at(place: tuple[float, float]) -> dict[str, Any]:
    return {"longitude": place[0], "latitude": place[1], "place": ""}


async def test_a_report_goes_where_its_place_is(runtime: Runtime, cast: Cast) -> None:
    there, moved_over = await put(runtime, **at(IN_SOUTHWICK)), await put(runtime, **at(IN_FULWELL))
    first, second = await new_wards(runtime)
    assert await follow(runtime) == 2
    assert await where(runtime) == {there: first, moved_over: second}
    assert await follow(runtime) == 0, "and there is nothing to do any more"


async def test_a_postcode_among_the_words_says_the_ward_and_else_the_name_does(runtime: Runtime, cast: Cast) -> None:
    nowhere = {"longitude": None, "latitude": None}
    by_postcode = await put(runtime, **nowhere, place="By the bench at SR5 1AE")
    by_name, at_sea = await put(runtime, **nowhere, place="By the bench"), await put(runtime, **at(IN_THE_SEA))
    async with runtime.sessions.write() as session:
        longitude, latitude = IN_FULWELL
        await session.execute(sa.update(Postcode).values(longitude=longitude, latitude=latitude))
    first, second = await new_wards(runtime)
    assert await follow(runtime) == 3
    assert await where(runtime) == {by_postcode: second, by_name: first, at_sea: first}


@pytest.mark.parametrize("names", [("North", "South"), ("Southwick", "Southwick")])
async def test_what_nothing_says_the_ward_of_stays_where_it_is_found(runtime: Runtime, cast: Cast, names: tuple[str, str]) -> None:
    left = await put(runtime, longitude=None, latitude=None, place="By the bench")
    await new_wards(runtime, names=names)
    assert await follow(runtime) == 0
    assert await where(runtime) == {left: cast.southwick}


async def test_only_what_somebody_still_looks_at_moves(runtime: Runtime, cast: Cast) -> None:
    over = await put(runtime, **at(IN_SOUTHWICK), status=IssueStatus.FIXED, changed_at=NOW - timedelta(days=20))
    lately = await put(runtime, **at(IN_SOUTHWICK), status=IssueStatus.FIXED, changed_at=NOW - timedelta(days=3))
    async with runtime.sessions.write() as session:
        draft = await a_draft(session, cast.bob)
    first, _ = await new_wards(runtime)
    assert await follow(runtime, on=TODAY - timedelta(days=1)) == 0, "the wards of yesterday are in force"
    assert await follow(runtime) == 1
    assert await where(runtime) == {over: cast.southwick, lately: first}
    async with runtime.sessions.write() as session:
        sent = await reporting.send_in(session, draft.id, resident_id=cast.bob, categories=CATEGORIES, on=TODAY, now=NOW)
        assert sent.report.ward_id == first, "a draft finds its ward when it is sent in"


async def test_the_tick_moves_them_and_lists_and_briefings_have_them(runtime: Runtime, cast: Cast) -> None:
    reference = await put(runtime, **at(IN_SOUTHWICK))
    first, _ = await new_wards(runtime)
    await schedule.reconcile(runtime)
    async with runtime.sessions.read() as session:
        ward = await lookup.ward_named(session, "Southwick")
        assert [line.reference for line in await listing.lines(session, ward_id=ward.id)] == [reference]
        found = await briefing.gather(session, Scope.of(runtime.settings, ward, since=NOW - timedelta(days=7), until=NOW, now=NOW))
        assert (ward.id, [one["reference"] for one in found["reports"]["oldest"]]) == (first, [reference])
