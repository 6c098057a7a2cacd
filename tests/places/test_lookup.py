"""Lookup: the ward of a postcode or a place, and a clear different sentence for each way it can't be found."""

from datetime import date

import pytest
import sqlalchemy as sa

from intouch.errors import BadInput, NotFound
from intouch.places import lookup
from intouch.places.models import Postcode, Ward
from intouch.runtime import Runtime
from tests.places.squares import LONG_AGO, TODAY, three_wards, ward


async def test_a_postcode_leads_to_its_ward(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        await three_wards(session)
        assert (await lookup.ward_by_postcode(session, "sr6 8bb", on=TODAY)).name == "Fulwell"


@pytest.mark.parametrize(
    ("typed", "error", "sentence"),
    [
        ("SR6 9ZZ", NotFound, "We don't know the postcode SR6 9ZZ"),
        ("SW1A 1AA", NotFound, "SW1A 1AA isn't in the area of Sunderland City Council"),
        ("SR60 1AA", NotFound, "SR60 1AA isn't in the area of"),
        ("the pier", BadInput, "doesn't look like a full postcode"),
    ],
)
async def test_each_postcode_that_leads_nowhere_gets_its_own_sentence(
    runtime: Runtime, typed: str, error: type[Exception], sentence: str
) -> None:
    async with runtime.sessions.write() as session:
        await three_wards(session)
        with pytest.raises(error, match=sentence):
            await lookup.ward_by_postcode(session, typed, on=TODAY, council="Sunderland City Council")


async def test_without_any_postcodes_the_person_is_led_to_the_list(runtime: Runtime) -> None:
    async with runtime.sessions.read() as session:
        with pytest.raises(NotFound, match="choose your ward from the list"):
            await lookup.ward_by_postcode(session, "SR6 8BB", on=TODAY)


async def test_a_place_leads_to_its_ward_and_an_edge_always_to_the_same_one(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        await three_wards(session)
        assert (await lookup.ward_at(session, longitude=-0.2, latitude=54.9, on=TODAY)).name == "Roker"
        assert (await lookup.ward_at(session, longitude=-1.0, latitude=54.5, on=TODAY)).name == "Fulwell"
        for longitude, latitude in [(-1.4, 51.0), (float("nan"), 54.5), (float("inf"), 54.5)]:
            with pytest.raises(NotFound, match="isn't in the area"):
                await lookup.ward_at(session, longitude=longitude, latitude=latitude, on=TODAY)


async def test_before_and_after_new_wards_a_postcode_leads_to_the_ward_of_that_day(runtime: Runtime) -> None:
    new_since = date(2026, 5, 7)
    async with runtime.sessions.write() as session:
        await three_wards(session)
        await session.execute(sa.update(Ward).values(valid_to=new_since))
        session.add(ward("E05099999", "New Fulwell", -2.0, since=new_since))
        session.add(Postcode(postcode="SR68CC", ward_id=1))
        await session.flush()
        assert (await lookup.ward_by_postcode(session, "SR6 8BB", on=date(2026, 5, 6))).name == "Fulwell"
        assert (await lookup.ward_by_postcode(session, "SR6 8BB", on=new_since)).name == "New Fulwell"
        with pytest.raises(NotFound, match="We don't know the ward of SR6 8CC yet"):
            await lookup.ward_by_postcode(session, "SR6 8CC", on=new_since)
        assert [w.name for w in await lookup.wards(session, on=new_since)] == ["New Fulwell"]


async def test_wards_and_areas_are_listed_by_name_and_only_while_in_force(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        assert not await lookup.has_areas(session)
        wards = await three_wards(session)
        assert [w.name for w in await lookup.wards(session, on=TODAY)] == ["Fulwell", "Roker", "Southwick"]
        assert [w.name for w in await lookup.wards(session, on=TODAY, area_id=wards[2].area_id)] == ["Roker"]
        assert await lookup.wards(session, on=date(2000, 1, 1)) == []
        assert [a.name for a in await lookup.areas(session)] == ["Coast", "North"]
        assert await lookup.areas(session, on=date(2000, 1, 1)) == []
        wards[2].valid_to = TODAY
        await session.flush()
        assert [a.name for a in await lookup.areas(session)] == ["North"]
        assert [a.name for a in await lookup.areas(session, on=LONG_AGO)] == ["Coast", "North"]
        assert await lookup.has_areas(session)


async def test_a_ward_is_found_by_its_code(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        await three_wards(session)
        assert (await lookup.ward_by_code(session, " e05016391 ")).name == "Southwick"
        with pytest.raises(NotFound, match="no ward with that code"):
            await lookup.ward_by_code(session, "E0")


async def test_a_lookup_is_a_question_or_two(runtime: Runtime) -> None:
    """However many wards there are: a reply waits for it."""
    async with runtime.sessions.write() as session:
        await three_wards(session)
        asked: list[str] = []
        sa.event.listen(runtime.sessions.engine.sync_engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
        await lookup.ward_by_postcode(session, "SR6 8BB", on=TODAY)
        await lookup.ward_at(session, longitude=-0.2, latitude=54.9, on=TODAY)
    assert 2 <= len(asked) <= 4, asked


@pytest.mark.parametrize("typed", ["Fulwell", "  fulwell ", "FULWELL"])
async def test_an_officer_may_name_a_ward_by_its_name(runtime: Runtime, typed: str) -> None:
    async with runtime.sessions.write() as session:
        await three_wards(session)
        found = await lookup.ward_named(session, typed)
        assert found.name == "Fulwell"
        assert await lookup.ward_named(session, found.code.lower()) is found
        with pytest.raises(NotFound, match="no ward “Atlantis”"):
            await lookup.ward_named(session, "Atlantis")
