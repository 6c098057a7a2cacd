"""Importing councillors: afterwards those in the file are in office, and nobody else is."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from intouch.changes import Changes
from intouch.council import import_councillors
from intouch.council.models import Councillor
from intouch.errors import BadInput
from intouch.places.models import Ward
from intouch.runtime import Runtime
from intouch.sheets import BadFile
from tests.places.squares import TODAY, three_wards, ward

HEADING = "name,ward_code,email,party\n"
CARL = "Carl Councillor,E05016391,carl@council.example,none\n"
ZOE = "Zoë Žižek,E05016391,zoe@council.example,none\n"
SAM = "Sam Shared,E05016377,fulwell@council.example,none\n"
SUE = "Sue Shared,E05016377,fulwell@council.example,none\n"


async def take(runtime: Runtime, folder: Path, text: str) -> Changes:
    path = folder / "councillors.csv"
    path.write_text(text)
    async with runtime.sessions.write() as session:
        rows = await import_councillors.read(session, path, today=TODAY)
        plan = await import_councillors.plan(session, path.name, rows)
        await import_councillors.apply(session, plan)
        return plan.changes


async def in_office(runtime: Runtime) -> dict[str, tuple[str, str, int | None]]:
    async with runtime.sessions.read() as session:
        query = sa.select(Councillor.name, Ward.code, Councillor.email, Councillor.telegram_id).join(Ward, Ward.id == Councillor.ward_id)
        return {row.name: (row.code, row.email, row.telegram_id) for row in await session.execute(query.where(Councillor.is_active))}


@pytest.fixture
async def city(runtime: Runtime) -> Runtime:
    async with runtime.sessions.write() as session:
        await three_wards(session)
    return runtime


async def link_everybody(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Councillor).values(telegram_id=Councillor.id + 100))


async def test_who_is_missing_leaves_office_and_may_come_back(city: Runtime, tmp_path: Path) -> None:
    assert (await take(city, tmp_path, HEADING + CARL + ZOE)).added == ["Carl Councillor (E05016391)", "Zoë Žižek (E05016391)"]
    assert (await take(city, tmp_path, HEADING + CARL + ZOE)).is_empty
    await link_everybody(city)
    changes = await take(city, tmp_path, HEADING + CARL)
    assert (changes.closed, changes.unchanged) == (["Zoë Žižek"], 1)
    assert list(await in_office(city)) == ["Carl Councillor"]
    assert (await take(city, tmp_path, HEADING + CARL)).is_empty
    assert (await take(city, tmp_path, HEADING + CARL + ZOE)).changed == ["Zoë Žižek (E05016391: back in office)"]
    assert (await in_office(city))["Zoë Žižek"][2] is None


async def test_a_new_address_ward_or_name_keeps_the_person_and_their_link(city: Runtime, tmp_path: Path) -> None:
    await take(city, tmp_path, HEADING + CARL + ZOE)
    await link_everybody(city)
    changes = await take(
        city, tmp_path, HEADING + CARL.replace("E05016391", "E05016389").replace("Carl C", "Karl C") + ZOE.replace("zoe@", "zz@")
    )
    assert changes.changed == ["Karl Councillor (E05016389: name, ward)", "Zoë Žižek (E05016391: email)"]
    office = await in_office(city)
    assert office["Karl Councillor"][0] == "E05016389"
    assert office["Zoë Žižek"][1] == "zz@council.example"
    assert all(linked is not None for _, _, linked in office.values())


async def test_a_shared_mailbox_does_not_mix_people_up(city: Runtime, tmp_path: Path) -> None:
    await take(city, tmp_path, HEADING + SAM + SUE)
    changes = await take(city, tmp_path, HEADING + SAM.replace("Sam", "New") + SUE)
    assert (changes.added, changes.closed, changes.unchanged) == (["New Shared (E05016377)"], ["Sam Shared"], 1)
    await take(city, tmp_path, HEADING + SAM + SUE)
    alone = await take(city, tmp_path, HEADING + SAM.replace("Sam", "Another"))
    assert (alone.added, alone.changed, alone.closed) == (["Another Shared (E05016377)"], [], ["Sam Shared", "Sue Shared"])


async def test_every_bad_row_is_named_and_nothing_is_imported(city: Runtime, tmp_path: Path) -> None:
    async with city.sessions.write() as session:
        session.add(ward("E05000001", "Closed", -2.0, until=TODAY))
    with pytest.raises(BadFile) as raised:
        await take(
            city,
            tmp_path,
            HEADING + CARL + ",E05016391,a@council.example,\nA,E1,a@council.example,\nA,E05016391,not an address,\n"
            "A,E05000001,a@council.example,\nA,E05016391,,\nCarl Councillor,E05016391,other@council.example,\n" + CARL,
        )
    lines = str(raised.value).splitlines()[1:]
    assert [line.split(": ")[0].split(", ")[1] for line in lines] == [f"line {number}" for number in range(3, 9)]
    for line, reason in zip(
        lines,
        [
            "name is empty",
            "the ward 'E1' is not known",
            "'not an address' is not an email address",
            "the ward E05000001 was closed on 2026-11-18",
            "email is empty",
            "Carl Councillor of E05016391 is on line 2 already, with another email address",
        ],
        strict=True,
    ):
        assert reason in line
    assert await in_office(city) == {}


async def test_without_wards_or_rows_nobody_is_put_out_of_office(runtime: Runtime, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="import the wards first"):
        await take(runtime, tmp_path, HEADING + CARL)
    async with runtime.sessions.write() as session:
        await three_wards(session)
    await take(runtime, tmp_path, HEADING + CARL)
    with pytest.raises(BadFile, match="no rows"):
        await take(runtime, tmp_path, HEADING)
    assert len(await in_office(runtime)) == 1
