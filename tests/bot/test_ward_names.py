"""A ward typed by its name: taken when it is clear which one, asked about when it is not."""

import pytest
import sqlalchemy as sa

from intouch.bot import ward_names
from intouch.places.models import Ward
from intouch.residents.models import Resident, ResidentStatus, WardSource
from intouch.runtime import Runtime
from tests.bot.handlers import Person
from tests.places.squares import ward
from tests.residents import cast

NAMES = ("Southwick", "St Peter's", "Barnes & Thornhill", "Washington North", "Washington South", "Hetton", "Houghton South & Hetton Downs")
WARDS = [ward(f"E0501600{number}", name, float(number)) for number, name in enumerate(NAMES)]


def _named(text: str) -> list[str]:
    return [one.name for one in ward_names.named(text, WARDS)]


def _perhaps(text: str) -> list[str]:
    return [one.name for one in ward_names.perhaps(text, WARDS)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Southwick", "Southwick"),
        ("  SOUTH-wick. ", "Southwick"),
        ("south wick ward", "Southwick"),
        ("I live in Southwick", "Southwick"),
        ("Saint Peters", "St Peter's"),
        ("st. peter’s", "St Peter's"),
        ("Barnes and Thornhill", "Barnes & Thornhill"),
        ("barnes&thornhill", "Barnes & Thornhill"),
        ("WashingtonNorth", "Washington North"),
        ("hetton", "Hetton"),
    ],
)
def test_a_name_is_taken_however_it_is_typed(typed: str, meant: str) -> None:
    assert _named(typed) == [meant]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Washington", {"Washington North", "Washington South"}),
        ("Suthwick", {"Southwick"}),
        ("Thornhill", {"Barnes & Thornhill"}),
        ("12 Green Street, Southwick", {"Southwick"}),
        ("between Southwick and Hetton", {"Southwick", "Hetton"}),
    ],
)
def test_a_name_that_is_not_quite_one_is_asked_about(typed: str, meant: set[str]) -> None:
    assert _named(typed) == []
    assert set(_perhaps(typed)) == meant


@pytest.mark.parametrize("typed", ["", " ", "no", "ward", "I live in the", "Paris", "😀", "x" * 4096, "SR5", "&", "مرحبا", "\u202e"])
def test_what_names_no_ward_is_none(typed: str) -> None:
    assert (_named(typed), _perhaps(typed)) == ([], [])


async def _alice(runtime: Runtime) -> Person:
    await cast.city(runtime)
    alice = Person(runtime, cast.ALICE)
    await alice.command("start")
    await alice.press("Yes, I agree")
    return alice


async def _home(runtime: Runtime) -> tuple[str | None, WardSource | None]:
    async with runtime.sessions.read() as session:
        resident = (await session.scalars(sa.select(Resident))).one()
        found = await session.get(Ward, resident.ward_id) if resident.ward_id else None
        return found.name if found else None, resident.ward_source


async def test_a_ward_typed_at_sign_up_is_theirs(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    said = await alice.send("southwick")
    assert "Your ward is <b>Southwick</b>" in said
    assert "email once a week" in alice.said[-1]
    assert await _home(runtime) == ("Southwick", WardSource.CHOSEN)


async def test_a_ward_that_was_meant_perhaps_is_one_tap_away(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    assert "Do you mean <b>Fulwell</b>?" in await alice.send("Fullwell")
    assert await _home(runtime) == (None, None)
    await alice.press("Yes, I live there")
    assert await _home(runtime) == ("Fulwell", WardSource.CHOSEN)


async def test_of_several_wards_one_is_chosen_and_there_is_a_way_out(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    assert "Which of these" in await alice.send("Fulwell or Roker, I think")
    assert {"Fulwell", "Roker", "None of these"} == set(alice.buttons)
    await alice.press("None of these")
    assert "Which part of the city" in alice.said[-1]


async def test_the_name_of_an_area_shows_its_wards(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    await alice.send("north")
    assert {"Southwick", "Fulwell", "Back"} == set(alice.buttons)


async def test_a_resident_who_moves_may_type_the_ward(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    for sent in ("SR5 2AA",):
        await alice.send(sent)
    await alice.press("No, thank you")
    await alice.press("No, thank you")
    await alice.tap("account:ward")
    assert "Your ward is <b>Roker</b> now" in await alice.send("Roker")
    assert await _home(runtime) == ("Roker", WardSource.CHOSEN)
    async with runtime.sessions.read() as session:
        assert await session.scalar(sa.select(Resident.status)) is ResidentStatus.ACTIVE


async def test_what_is_neither_says_so_and_asks_again(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    said = await alice.send("Paris")
    assert "don't know a ward" in said.replace("&#39;", "'")
    assert "Choose from a list" in alice.buttons
