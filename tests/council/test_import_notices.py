"""Importing notices: kinds, days, wards and addresses are checked, and a second time nothing changes."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from intouch.changes import Changes
from intouch.council import import_notices, notices
from intouch.council.models import Notice
from intouch.runtime import Runtime
from intouch.sheets import BadFile, BadRow
from tests.places.squares import TODAY, three_wards

HEADING = "kind,title,text,ward_codes,starts_on,ends_on,url\n"
GAS = "roadworks,Gas main,Lane closed,E05016391 E05016377,2026-11-20,05/12/2026,https://council.example/gas?a=1\n"
FAIR = "Event,Winter fair,,,2026-12-01,,\n"


async def take(runtime: Runtime, folder: Path, text: str, now: datetime) -> Changes:
    path = folder / "notices.csv"
    path.write_text(text)
    async with runtime.sessions.write() as session:
        plan = await import_notices.plan(session, path.name, await import_notices.read(session, path, today=TODAY))
        await import_notices.apply(session, plan, now=now)
        return plan.changes


async def shown(runtime: Runtime, ward_id: int) -> list[str]:
    async with runtime.sessions.read() as session:
        found = await notices.notices_of_ward(session, ward_id, first=date(2026, 11, 1), last=date(2026, 12, 31))
        return [notice.title for notice in found]


@pytest.fixture
async def wards(runtime: Runtime) -> list[int]:
    async with runtime.sessions.write() as session:
        return [ward.id for ward in await three_wards(session)]


async def test_notices_reach_their_wards_or_the_whole_city(runtime: Runtime, wards: list[int], tmp_path: Path, now: datetime) -> None:
    changes = await take(runtime, tmp_path, HEADING + GAS + FAIR + FAIR, now)
    assert changes.added == ["2026-11-20 Gas main", "2026-12-01 Winter fair"]
    assert await shown(runtime, wards[0]) == ["Gas main", "Winter fair"]
    assert await shown(runtime, wards[2]) == ["Winter fair"]
    async with runtime.sessions.read() as session:
        gas = await session.scalar(sa.select(Notice).where(Notice.kind == "roadworks"))
        assert gas is not None
        assert (gas.ends_on, gas.url, gas.created_at) == (date(2026, 12, 5), "https://council.example/gas?a=1", now)


async def test_the_same_notice_is_changed_and_not_doubled(runtime: Runtime, wards: list[int], tmp_path: Path, now: datetime) -> None:
    await take(runtime, tmp_path, HEADING + GAS + FAIR, now)
    later = now + timedelta(days=1)
    assert (await take(runtime, tmp_path, HEADING + GAS + FAIR, later)).is_empty
    changes = await take(runtime, tmp_path, HEADING + GAS.replace(" E05016377", ""), later)
    assert changes.changed == ["2026-11-20 Gas main"]
    assert await shown(runtime, wards[1]) == ["Winter fair"]
    assert (await take(runtime, tmp_path, HEADING + GAS.replace(" E05016377", ""), later)).is_empty
    async with runtime.sessions.read() as session:
        assert await notices.new_notices(session, wards[0], since=later, until=later + timedelta(days=1)) == []


async def test_every_bad_row_is_named_and_nothing_is_imported(runtime: Runtime, wards: list[int], tmp_path: Path, now: datetime) -> None:
    bad = {
        "party,T,,,2026-11-20,,\n": "kind is 'party'; it is one of planning, licensing, roadworks, works, event",
        "event,,,,2026-11-20,,\n": "title is empty",
        "event,T,,,,,\n": "starts_on is empty",
        "event,T,,,20.11.2026,,\n": "starts_on is '20.11.2026'; write a day like 2026-12-05 or 05/12/2026",
        "event,T,,,2026-11-20,2026-11-19,\n": "ends_on (2026-11-19) is before starts_on (2026-11-20)",
        "event,T,,E1,2026-11-20,,\n": "the ward 'E1' is not known",
        "event,T,,,2026-11-20,,javascript:alert(1)\n": "url is 'javascript:alert(1)'; a web address begins with https://",
        "event,T,,,2026-11-20,,https://[bad\n": "a web address begins with https://",
        f"event,{'x' * 201},,,2026-11-20,,\n": "title has 201 characters; at most 200 fit",
        "Event,Winter fair,another text,,2026-12-01,,\n": "'Winter fair' of that day is on line 2 already, with other details",
    }
    with pytest.raises(BadFile) as raised:
        await take(runtime, tmp_path, HEADING + FAIR + "".join(bad), now)
    lines = str(raised.value).splitlines()[1:]
    for number, (line, reason) in enumerate(zip(lines, bad.values(), strict=True), 3):
        assert f"notices.csv, line {number}: " in line
        assert reason in line
    assert await shown(runtime, wards[0]) == []


@pytest.mark.parametrize(
    ("text", "day"), [("2026-12-05", date(2026, 12, 5)), ("5/12/2026", date(2026, 12, 5)), ("29/02/2028", date(2028, 2, 29))]
)
def test_days_are_read_with_the_day_first(text: str, day: date) -> None:
    assert import_notices.day(text, "starts_on") == day


@pytest.mark.parametrize("text", ["12/31/2026", "31/02/2026", "5/12/26", "tomorrow", "2026-13-01", "2026-12-05T10:00"])
def test_what_is_no_day_is_said_to_be_none(text: str) -> None:
    with pytest.raises(BadRow, match="write a day like"):
        import_notices.day(text, "starts_on")
