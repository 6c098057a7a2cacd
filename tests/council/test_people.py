"""People: who represents a ward, who works for the council, and how one of them is found."""

from datetime import datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council import people
from intouch.council.models import Councillor
from intouch.errors import BadInput, NotFound
from intouch.places.models import Ward
from intouch.runtime import Runtime
from tests.places.squares import three_wards


async def elect(session: AsyncSession) -> list[Ward]:
    wards = await three_wards(session)
    for name, ward, is_active in [("Zoë Žižek", 0, True), ("Carl Carr", 0, True), ("Carl Carr", 1, True), ("Olga Old", 0, False)]:
        session.add(Councillor(name=name, ward_id=wards[ward].id, email=f"{name[:4].strip()}{ward}@council.example", is_active=is_active))
    await session.flush()
    return wards


async def test_the_councillors_of_a_ward_are_those_in_office(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        wards = await elect(session)
        assert [c.name for c in await people.councillors_of(session, wards[0].id)] == ["Carl Carr", "Zoë Žižek"]
        assert len(await people.councillors(session)) == 4


async def test_a_councillor_is_found_by_name_by_id_and_by_ward(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        await elect(session)
        zoe = await people.find_councillor(session, " zoË  žižek ")
        assert (await people.find_councillor(session, str(zoe.id))) is zoe
        with pytest.raises(BadInput, match=r"2 councillors 'Carl Carr'.*E05016391.*--ward"):
            await people.find_councillor(session, "Carl Carr")
        assert (await people.find_councillor(session, "Carl Carr", ward_code="e05016377")).name == "Carl Carr"
        for nobody in ("Olga Old", "Mallory", ""):
            with pytest.raises(NotFound, match="no councillor"):
                await people.find_councillor(session, nobody)


async def test_an_officer_is_added_once_with_a_real_address(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        officer = await people.add_officer(session, name=" Olive  Officer ", email="Olive@Council.Example", now=now)
        assert (officer.name, officer.email) == ("Olive Officer", "olive@council.example")
        with pytest.raises(BadInput, match="already"):
            await people.add_officer(session, name="Olive", email="OLIVE@council.example", now=now)
        with pytest.raises(BadInput, match="'olive' is not an email address"):
            await people.add_officer(session, name="Olive", email="olive", now=now)
        with pytest.raises(BadInput, match="needs a name"):
            await people.add_officer(session, name=" ", email="o@council.example", now=now)
        assert await people.officers(session) == [officer]
