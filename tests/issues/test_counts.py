"""Counts for the digest and the briefing: numbers, and what officers wrote, never who reported or where."""

from datetime import timedelta

from intouch.issues import counts, reporting, retention, updating
from intouch.issues.counts import OpenReport, StatusCount
from intouch.issues.models import IssueReport, IssueStatus
from intouch.runtime import Runtime
from tests.issues.cast import CATEGORIES, IN_FULWELL, NOW, TODAY, Cast, a_draft, a_photo, a_report, seed

DAY = timedelta(days=1)
WEEK = {"start": NOW - 7 * DAY, "end": NOW}


async def a_busy_week(runtime: Runtime) -> tuple[Cast, list[IssueReport]]:
    """Southwick: one fixed this week, one fixed before, one reopened, one old and open, one made at the end; Fulwell: one; a draft."""
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        ages = (("litter", 10), ("litter", 30), ("pothole", 5), ("pothole", 20), ("graffiti", 0))
        reports = [await a_report(session, cast.alice, category=category, now=NOW - days * DAY) for category, days in ages]
        moves = (
            (0, "fixed", 2, "Swept."),
            (1, "fixed", 9, "Done."),
            (2, "fixed", 3, "Filled."),
            (2, "in_progress", 1, "Again."),
            (3, "in_progress", 1, ""),
        )
        for number, status, days, note in moves:
            await updating.update(
                session,
                reports[number].reference or "",
                status=IssueStatus(status),
                note=note,
                now=NOW - days * DAY,
                templates=runtime.templates,
                categories=CATEGORIES,
            )
        elsewhere = await a_draft(session, cast.bob, now=NOW - DAY)
        longitude, latitude = IN_FULWELL
        await reporting.place_at(session, elsewhere, longitude=longitude, latitude=latitude, on=TODAY, now=NOW)
        await reporting.send_in(session, elsewhere.id, resident_id=cast.bob, categories=CATEGORIES, on=TODAY, now=NOW - DAY)
        await a_draft(session, cast.grace)
    return cast, reports


async def test_what_was_made_and_fixed_in_a_week(runtime: Runtime) -> None:
    cast, reports = await a_busy_week(runtime)
    async with runtime.sessions.read() as session:
        ward = await counts.made_and_fixed(session, cast.southwick, **WEEK)
        assert (ward.made, ward.fixed) == (1, 1)  # the one made at NOW belongs to the next week
        assert [(one.reference, one.category, one.note) for one in ward.examples] == [(reports[0].reference, "litter", "Swept.")]
        later = await counts.made_and_fixed(session, cast.southwick, start=NOW, end=NOW + 7 * DAY)
        assert (later.made, later.fixed) == (1, 0)
        before = await counts.made_and_fixed(session, cast.southwick, start=NOW - 14 * DAY, end=NOW - 7 * DAY)
        assert (before.made, before.fixed, before.examples[0].note) == (1, 1, "Done.")
        area = await counts.made_and_fixed(session, None, area_id=cast.north, **WEEK)
        city = await counts.made_and_fixed(session, None, **WEEK)
        assert (area.made, city.made) == (1, 2)


async def test_a_report_fixed_twice_shows_what_was_written_last(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        report = await a_report(session, cast.alice, now=NOW - 5 * DAY)
        for days, status, note in ((4, "fixed", "Filled."), (3, "in_progress", "It broke again."), (2, "fixed", "Filled with asphalt.")):
            what = {"status": IssueStatus(status), "note": note, "now": NOW - days * DAY}
            await updating.update(session, report.reference or "", templates=runtime.templates, categories=CATEGORIES, **what)
        week = await counts.made_and_fixed(session, cast.southwick, **WEEK)
        assert (week.fixed, [one.note for one in week.examples]) == (1, ["Filled with asphalt."])


async def test_nothing_of_what_residents_wrote_is_in_the_counts(runtime: Runtime) -> None:
    cast, _ = await a_busy_week(runtime)
    async with runtime.sessions.read() as session:
        said = repr(await counts.made_and_fixed(session, cast.southwick, **WEEK)) + repr(await counts.oldest_open(session, None, now=NOW))
    assert "Bottles" not in said and "bench" not in said


async def test_reports_by_category_and_status(runtime: Runtime) -> None:
    cast, _ = await a_busy_week(runtime)
    async with runtime.sessions.read() as session:
        assert await counts.by_category_and_status(session, cast.southwick) == [
            StatusCount("graffiti", IssueStatus.REPORTED, 1),
            StatusCount("litter", IssueStatus.FIXED, 2),
            StatusCount("pothole", IssueStatus.IN_PROGRESS, 2),
        ]
        assert sum(one.number for one in await counts.by_category_and_status(session, None)) == 6
        assert sum(one.number for one in await counts.by_category_and_status(session, None, area_id=cast.north)) == 5


async def test_the_oldest_open_reports_come_first_with_their_age(runtime: Runtime) -> None:
    cast, reports = await a_busy_week(runtime)
    async with runtime.sessions.read() as session:
        oldest = await counts.oldest_open(session, cast.southwick, now=NOW, limit=2)
    assert oldest == [
        OpenReport(reports[3].reference or "", "pothole", IssueStatus.IN_PROGRESS, NOW - 20 * DAY, 20),
        OpenReport(reports[2].reference or "", "pothole", IssueStatus.IN_PROGRESS, NOW - 5 * DAY, 5),
    ]


async def test_a_ward_without_reports_counts_nothing(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        assert await counts.made_and_fixed(session, cast.fulwell, **WEEK) == counts.MadeAndFixed(0, 0, ())
        assert await counts.by_category_and_status(session, cast.fulwell) == []
        assert await counts.oldest_open(session, cast.fulwell, now=NOW) == []


async def test_drafts_that_nobody_came_back_to_are_forgotten_with_their_photos(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        kept = await a_report(session, cast.alice, now=NOW - 90 * DAY)
        old = await a_draft(session, cast.bob, now=NOW - 31 * DAY)
        await reporting.add_photo(session, old, a_photo(), now=NOW - 31 * DAY)
        young = await a_draft(session, cast.alice, now=NOW - 29 * DAY)
    async with runtime.sessions.write() as session:
        assert await retention.forget_abandoned(session, now=NOW) == 1
        assert await retention.forget_abandoned(session, now=NOW) == 0
        assert await session.get(IssueReport, old.id) is None
        assert await session.get(IssueReport, kept.id) and await session.get(IssueReport, young.id)
