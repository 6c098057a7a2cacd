"""Notices: those of a ward and of the whole city, within the days asked for."""

from datetime import date, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council import notices
from intouch.council.models import Notice, NoticeWard
from intouch.runtime import Runtime
from tests.places.squares import three_wards

FIRST, LAST = date(2026, 11, 20), date(2026, 12, 3)


async def put_up(session: AsyncSession, title: str, starts_on: date, ends_on: date | None, *, ward_ids: list[int], at: datetime) -> None:
    notice = Notice(kind="works", title=title, text="", starts_on=starts_on, ends_on=ends_on, created_at=at)
    session.add(notice)
    await session.flush()
    session.add_all([NoticeWard(notice_id=notice.id, ward_id=ward_id) for ward_id in ward_ids])
    await session.flush()


async def test_a_ward_sees_its_own_and_the_citys_notices_of_those_days(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        southwick, fulwell, _ = await three_wards(session)
        ours, theirs = [southwick.id, fulwell.id], [fulwell.id]
        await put_up(session, "ends on the first day", date(2026, 10, 1), FIRST, ward_ids=ours, at=now)
        await put_up(session, "starts on the last day", LAST, None, ward_ids=[], at=now)
        await put_up(session, "goes on all the time", date(2026, 1, 1), date(2027, 1, 1), ward_ids=ours, at=now)
        await put_up(session, "is over", date(2026, 10, 1), FIRST - timedelta(days=1), ward_ids=ours, at=now)
        await put_up(session, "was one day", FIRST - timedelta(days=1), None, ward_ids=ours, at=now)
        await put_up(session, "comes later", LAST + timedelta(days=1), None, ward_ids=ours, at=now)
        await put_up(session, "is elsewhere", FIRST, None, ward_ids=theirs, at=now)
        shown = await notices.notices_of_ward(session, southwick.id, first=FIRST, last=LAST)
        assert [n.title for n in shown] == ["goes on all the time", "ends on the first day", "starts on the last day"]


async def test_new_notices_are_those_that_came_in_since(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        southwick, fulwell, _ = await three_wards(session)
        week = timedelta(days=7)
        await put_up(session, "old", FIRST, None, ward_ids=[southwick.id], at=now - week - timedelta(seconds=1))
        await put_up(session, "new", FIRST, None, ward_ids=[southwick.id], at=now - week)
        await put_up(session, "newest", FIRST, None, ward_ids=[], at=now - timedelta(seconds=1))
        await put_up(session, "elsewhere", FIRST, None, ward_ids=[fulwell.id], at=now - week)
        await put_up(session, "next week's", FIRST, None, ward_ids=[], at=now)
        shown = await notices.new_notices(session, southwick.id, since=now - week, until=now)
        assert [n.title for n in shown] == ["newest", "new"]
