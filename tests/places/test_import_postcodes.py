"""Importing postcodes: each lies in one ward, files may come in any order, and a second time nothing changes."""

import time
from collections.abc import Container
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from intouch.changes import Changes
from intouch.errors import BadInput
from intouch.places import import_postcodes, lookup
from intouch.places.models import Postcode, Ward
from intouch.runtime import Runtime
from intouch.sheets import BadFile
from tests.places.squares import TODAY, three_wards, ward

HEADING = "postcode,ward,lon,lat\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "postcodes.csv"
    path.write_text(text)
    return path


def read(folder: Path, text: str, wards: Container[str] = ("E1",), **fields: str) -> list[import_postcodes.PostcodeRow]:
    return import_postcodes.read(written(folder, text), wards=wards, postcode_field="postcode", ward_field="ward", **fields)


async def take(runtime: Runtime, folder: Path, text: str) -> Changes:
    async with runtime.sessions.write() as session:
        rows = read(folder, text, await import_postcodes.known_wards(session))
        plan = await import_postcodes.plan(session, "postcodes.csv", rows)
        await import_postcodes.apply(session, plan)
        return plan.changes


async def stored(runtime: Runtime) -> dict[str, tuple[str, float | None, float | None]]:
    async with runtime.sessions.read() as session:
        query = sa.select(Postcode.postcode, Ward.code, Postcode.longitude, Postcode.latitude).join(Ward, Ward.id == Postcode.ward_id)
        return {row.postcode: (row.code, row.longitude, row.latitude) for row in await session.execute(query)}


@pytest.fixture
async def city(runtime: Runtime) -> Runtime:
    async with runtime.sessions.write() as session:
        await three_wards(session)
        await session.execute(sa.delete(Postcode))
    return runtime


async def test_postcodes_are_added_changed_and_left_alone(city: Runtime, tmp_path: Path) -> None:
    first = await take(city, tmp_path, HEADING + "SR5 2AA,E05016391,-2.5,54.5\nsr6 8bb,e05016377,,\nSR6 0NB,E05016389,-0.5,54.5\n")
    assert first.added == ["SR5 2AA in E05016391", "SR6 8BB in E05016377", "SR6 0NB in E05016389"]
    second = await take(city, tmp_path, HEADING + "SR5 2AA,E05016377,-2.5,54.5\nSR6 8BB,E05016377,,\n")
    assert (second.changed, second.unchanged) == (["SR5 2AA to E05016377"], 1)
    assert second.notes == ["1 postcode is not in the file; nothing is done about that."]
    assert await stored(city) == {
        "SR52AA": ("E05016377", -2.5, 54.5),
        "SR68BB": ("E05016377", None, None),
        "SR60NB": ("E05016389", -0.5, 54.5),
    }
    assert (await take(city, tmp_path, HEADING + "SR5 2AA,E05016377,-2.5,54.5\nSR6 8BB,E05016377,,\n")).is_empty


async def test_a_file_without_centres_keeps_the_centres_there_are(city: Runtime, tmp_path: Path) -> None:
    await take(city, tmp_path, HEADING + "SR5 2AA,E05016391,-2.5,54.5\n")
    await take(city, tmp_path, "postcode,ward\nSR5 2AA,E05016377\n")
    assert await stored(city) == {"SR52AA": ("E05016377", -2.5, 54.5)}
    assert (await take(city, tmp_path, "postcode,ward\nSR5 2AA,E05016377\n")).is_empty


async def test_an_older_set_of_wards_does_not_take_postcodes_back(city: Runtime, tmp_path: Path) -> None:
    async with city.sessions.write() as session:
        session.add(ward("E05099999", "New", -3.0, since=date(2026, 5, 7)))
    await take(city, tmp_path, HEADING + "SR5 2AA,E05016391,-2.5,54.5\n")
    assert (await take(city, tmp_path, HEADING + "SR5 2AA,E05099999,-2.5,54.5\n")).changed == ["SR5 2AA to E05099999"]
    again = await take(city, tmp_path, HEADING + "SR5 2AA,E05016391,-2.5,54.5\nSR5 2AB,E05016391,-2.5,54.5\n")
    assert again.added == ["SR5 2AB in E05016391"]
    assert again.notes == ["1 postcode keeps its ward: it came into force later than the file's."]
    assert (await stored(city))["SR52AA"][0] == "E05099999"


async def test_every_bad_row_is_named_and_nothing_is_imported(city: Runtime, tmp_path: Path) -> None:
    with pytest.raises(BadFile) as raised:
        await take(
            city,
            tmp_path,
            HEADING + "SR5 2AA,E05016391,-2.5,54.5\nSR5,E05016391,,\nSR5 2AB,,,\n,E05016391,,\nSR5 2AC,E05016391,west,54.5\n"
            "SR5 2AD,E05016391,-2.5,\nSR5 2AE,E05016391,-2.5,95\nSR5 2AF,E05016391,nan,54\nSR5 2AA,E05016377,-2.5,54.5\n"
            "SR5 2AG,E1,,\n",
        )
    assert str(raised.value).splitlines()[1:] == [
        "  postcodes.csv, line 3: 'SR5' is not a postcode",
        "  postcodes.csv, line 4: ward is empty",
        "  postcodes.csv, line 5: postcode is empty",
        "  postcodes.csv, line 6: lon is 'west', which is not a number",
        "  postcodes.csv, line 7: lat is '', which is not a number",
        "  postcodes.csv, line 8: lat is 95, which is not degrees between -90 and 90",
        "  postcodes.csv, line 9: lon is nan, which is not degrees between -180 and 180",
        "  postcodes.csv, line 10: SR5 2AA is in the ward E05016391 already (line 2)",
        "  postcodes.csv, line 11: the ward E1 is not known; import the wards first",
    ]
    assert await stored(city) == {}


async def test_the_same_row_twice_is_one_postcode(city: Runtime, tmp_path: Path) -> None:
    assert (await take(city, tmp_path, HEADING + "SR5 2AA,E05016391,,\nSR52AA,E05016391,,\n")).added == ["SR5 2AA in E05016391"]


async def test_without_wards_the_way_on_is_told(runtime: Runtime, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="import the wards first"):
        await take(runtime, tmp_path, HEADING + "SR5 2AA,E05016391,,\n")


def test_columns_of_the_centre_can_be_named(tmp_path: Path) -> None:
    text = "postcode,ward,x,y\nSR5 2AA,E1,-2.5,54.5\n"
    assert read(tmp_path, text)[0].longitude is None
    assert read(tmp_path, text, longitude_field="x", latitude_field="y")[0].longitude == -2.5
    with pytest.raises(BadInput, match="both --lon-field and --lat-field"):
        read(tmp_path, text, longitude_field="x")
    with pytest.raises(BadFile, match="no column long"):
        read(tmp_path, text, longitude_field="long", latitude_field="y")


async def test_ten_thousand_postcodes_take_seconds(city: Runtime, tmp_path: Path) -> None:
    letters = "ABDEFGHJLN"
    units = (f"SR{d} {n}{a}{b}" for d in range(1, 11) for n in range(10) for a in letters for b in letters)
    text = HEADING + "".join(f"{unit},E05016391,-2.5,54.5\n" for unit in units)
    started = time.perf_counter()
    assert len((await take(city, tmp_path, text)).added) == 10_000
    assert (await take(city, tmp_path, text)).is_empty
    assert time.perf_counter() - started < 15
    async with city.sessions.read() as session:
        assert (await lookup.ward_by_postcode(session, "SR10 9NN", on=TODAY)).name == "Southwick"
