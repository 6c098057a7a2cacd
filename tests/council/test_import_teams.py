"""Importing teams: one per area, one for the whole city, and a new name keeps the team."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from intouch.changes import Changes
from intouch.council import import_teams, teams
from intouch.council.models import ResponseTeam
from intouch.errors import BadInput
from intouch.places.models import Ward
from intouch.runtime import Runtime
from intouch.sheets import BadFile
from tests.places.squares import three_wards

HEADING = "team,area,email\n"
NORTH, CITY = "North crew,North,north@council.example\n", "City crew,,\n"


async def take(runtime: Runtime, folder: Path, text: str) -> Changes:
    path = folder / "teams.csv"
    path.write_text(text)
    async with runtime.sessions.write() as session:
        plan = await import_teams.plan(session, path.name, await import_teams.read(session, path))
        await import_teams.apply(session, plan)
        return plan.changes


async def team_of(runtime: Runtime, ward_id: int) -> tuple[int, str] | None:
    async with runtime.sessions.read() as session:
        team = await teams.team_for(session, ward_id=ward_id)
        return (team.id, team.name) if team else None


@pytest.fixture
async def wards(runtime: Runtime) -> list[Ward]:
    async with runtime.sessions.write() as session:
        return await three_wards(session)


async def test_teams_take_the_reports_of_their_area(runtime: Runtime, wards: list[Ward], tmp_path: Path) -> None:
    assert (await take(runtime, tmp_path, HEADING + NORTH + CITY)).added == ["North crew for North", "City crew for the whole city"]
    assert (await take(runtime, tmp_path, HEADING + NORTH + CITY + NORTH)).is_empty
    north, city = await team_of(runtime, wards[0].id), await team_of(runtime, wards[2].id)
    assert north is not None and city is not None
    assert (north[1], city[1]) == ("North crew", "City crew")
    renamed = await take(runtime, tmp_path, HEADING + NORTH.replace("North crew", "Northern crew") + CITY)
    assert renamed.changed == ["Northern crew for North"]
    assert await team_of(runtime, wards[0].id) == (north[0], "Northern crew")


async def test_two_teams_may_swap_areas(runtime: Runtime, wards: list[Ward], tmp_path: Path) -> None:
    await take(runtime, tmp_path, HEADING + "A,North,\nB,Coast,\n")
    await take(runtime, tmp_path, HEADING + "A,Coast,\nB,North,\n")
    swapped = await team_of(runtime, wards[0].id)
    assert swapped is not None and swapped[1] == "B"


async def test_an_area_has_one_team(runtime: Runtime, wards: list[Ward], tmp_path: Path) -> None:
    await take(runtime, tmp_path, HEADING + "A,North,\nB,Coast,\n")
    with pytest.raises(BadInput, match=r"gives Coast to A, but B has it\. Please put B into the file too"):
        await take(runtime, tmp_path, HEADING + "A,Coast,\n")
    with pytest.raises(BadFile) as raised:
        await take(runtime, tmp_path, HEADING + "A,North,\nC,north,\nA,Coast,\nD,West,\nE,,not-an-address\n,North,\n")
    assert [line.split(": ", 1)[1] for line in str(raised.value).splitlines()[1:]] == [
        "line 2 has a team for North already",
        "line 2 has the team A already",
        "the area 'West' is not known; the areas are: Coast, North",
        "'not-an-address' is not an email address: An email address must have an @-sign.",
        "team is empty",
    ]
    async with runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(ResponseTeam)) == 2
