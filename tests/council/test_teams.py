"""Teams: a ward's reports go to its area's team, else to the city's."""

from intouch.council import teams
from intouch.places.models import Ward
from intouch.runtime import Runtime
from tests.places.squares import LONG_AGO, three_wards


async def test_the_area_team_comes_before_the_city_team(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        southwick, _, roker = await three_wards(session)
        assert await teams.team_for(session, ward_id=southwick.id) is None
        city = await teams.add_team(session, name="City team", area_id=None)
        assert await teams.team_for(session, ward_id=southwick.id) is city
        north = await teams.add_team(session, name="North team", area_id=southwick.area_id, email="north@council.example")
        assert await teams.team_for(session, ward_id=southwick.id) is north
        assert await teams.team_for(session, ward_id=roker.id) is city
        assert await teams.team_for(session, ward_id=None) is city


async def test_a_ward_without_an_area_has_the_city_team(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        ward = Ward(code="E05000001", name="Alone", valid_from=LONG_AGO)
        session.add(ward)
        await session.flush()
        assert await teams.team_for(session, ward_id=ward.id) is None
        city = await teams.add_team(session, name="City team", area_id=None)
        assert await teams.team_for(session, ward_id=ward.id) is city
