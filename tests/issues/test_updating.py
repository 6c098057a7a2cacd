"""The council moves a report on, and whoever reported it is told once."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.errors import BadInput, NotFound
from intouch.issues import updating
from intouch.issues.models import IssueReport, IssueStatus, IssueUpdate
from intouch.letters import Letters
from intouch.outbox.models import Delivery, Road
from intouch.residents.models import Resident, ResidentStatus
from intouch.runtime import Runtime
from intouch.templating import TelegramMessage, Templates
from tests.issues.cast import CATEGORIES, NOW, a_report, seed

REPORTED, WORKING, FIXED, CLOSED = IssueStatus.REPORTED, IssueStatus.IN_PROGRESS, IssueStatus.FIXED, IssueStatus.CLOSED


async def move(
    runtime: Runtime, session: AsyncSession, report: IssueReport, status: IssueStatus, note: str = "", **more: Any
) -> IssueUpdate:
    now = more.pop("now", NOW)
    reference = report.reference or ""
    return await updating.update(session, reference, status=status, note=note, now=now, templates=runtime.templates, categories=CATEGORIES)


async def deliveries(session: AsyncSession) -> list[Delivery]:
    return list(await session.scalars(sa.select(Delivery).order_by(Delivery.id)))


async def test_each_change_is_told_to_the_reporter_on_telegram(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        report = await a_report(session, cast.alice)
        update = await move(runtime, session, report, WORKING, "Our team goes <b>there</b> & sweeps.")
        (delivery,) = await deliveries(session)
        assert delivery.key == f"issue:{update.id}:{cast.alice}"
        assert (delivery.kind, delivery.road, delivery.address) == ("message", Road.TELEGRAM, "1001")
        assert delivery.owner == f"resident:{cast.alice}"
        message = TelegramMessage.from_json(delivery.payload)
        assert f"<b>{report.reference}</b> (Litter) is being worked on." in message.text
        assert "<blockquote>Our team goes &lt;b&gt;there&lt;/b&gt; &amp; sweeps.</blockquote>" in message.text
        assert message.buttons[0][0].data == f"report:see:{report.id}"


async def test_a_reporter_without_telegram_gets_a_letter(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        report = await a_report(session, cast.grace)
        await move(runtime, session, report, FIXED, "Swept <b>& clean</b>")
        (delivery,) = await deliveries(session)
        assert (delivery.kind, delivery.road, delivery.address) == ("letter", Road.EMAIL, "grace@example.org")
    letter = Letters(runtime.templates).render(delivery.payload["template"], **delivery.payload["values"])
    assert letter.subject == f"Your report {report.reference} is fixed"
    assert "Swept &lt;b&gt;&amp; clean&lt;/b&gt;" in letter.html
    assert "Swept <b>& clean</b>" in letter.text
    assert "you reported something to Sunderland City Council" in letter.text


@pytest.mark.parametrize("note", ["", "Thank you for telling us"])
@pytest.mark.parametrize("status", ["reported", "in_progress", "fixed", "closed"])
def test_every_status_has_a_letter_and_a_message(templates: Templates, status: str, note: str) -> None:
    values = {"reference": "SR-7K3M2", "category": "Litter", "status": status, "note": note}
    letter, message = Letters(templates).render("issue_update", **values), templates.telegram("reports/update", report_id=1, **values)
    for text in (letter.html, letter.text, message.text):
        assert "SR-7K3M2" in text
        assert (note in text) and text.count("Thank you for telling us") == (1 if note else 0)
    assert "SR-7K3M2" in letter.subject and "\n" not in letter.subject


@pytest.fixture
def templates() -> Templates:
    return Templates(zone=ZoneInfo("Europe/London"), council_name="Sunderland City Council", globals={"council_address": "City Hall"})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("change", "road"),
    [
        ({"status": ResidentStatus.STOPPED}, None),
        ({"status": ResidentStatus.ERASED}, None),
        ({"telegram_blocked_at": NOW}, None),
        ({"telegram_blocked_at": NOW, "email": "a@example.org", "email_confirmed_at": NOW}, Road.EMAIL),
        ({"telegram_id": None, "email": "a@example.org"}, None),
    ],
)
async def test_nobody_is_written_to_who_stopped_blocked_or_never_confirmed(
    runtime: Runtime, change: dict[str, Any], road: Road | None
) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        report = await a_report(session, cast.alice)
        await session.execute(sa.update(Resident).where(Resident.id == cast.alice).values(**change))
        session.expire_all()
        await session.refresh(report)
        await move(runtime, session, report, WORKING)
        assert [delivery.road for delivery in await deliveries(session)] == ([road] if road else [])


async def test_a_report_whose_reporter_was_erased_can_still_be_fixed(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        report = await a_report(session, cast.alice)
        report.resident_id = None
        await session.flush()
        await move(runtime, session, report, FIXED)
        assert report.status is FIXED and await deliveries(session) == []


async def test_the_same_update_again_within_an_hour_is_told_once(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        report = await a_report(session, cast.alice)
        first = await move(runtime, session, report, WORKING, "Soon")
        again = await move(runtime, session, report, WORKING, " Soon ", now=NOW + timedelta(minutes=59))
        assert first.id == again.id
        assert len(await deliveries(session)) == 1
        await move(runtime, session, report, WORKING, "On Tuesday", now=NOW + timedelta(minutes=59))
        await move(runtime, session, report, WORKING, "On Tuesday", now=NOW + timedelta(hours=3))
        assert len(await deliveries(session)) == 3


STEPS = {
    REPORTED: {WORKING, FIXED, CLOSED},
    WORKING: {FIXED, CLOSED},
    FIXED: {WORKING},
    CLOSED: {WORKING},
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("start", STEPS)
async def test_only_the_steps_of_the_house_are_allowed(runtime: Runtime, start: IssueStatus) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        for target in IssueStatus:
            report = await a_report(session, cast.alice)
            if start is not REPORTED:
                await move(runtime, session, report, start, "first")
            if target in STEPS[start] | {start}:
                await move(runtime, session, report, target, "then", now=NOW + timedelta(days=1))
                assert report.status is target
            else:
                with pytest.raises(BadInput, match="can't become"):
                    await move(runtime, session, report, target, "then")
                assert report.status is start


async def test_staying_where_it_is_needs_something_new_to_say_and_closing_a_reason(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        report = await a_report(session, cast.alice, now=NOW - timedelta(days=1))
        with pytest.raises(BadInput, match="reported already"):
            await move(runtime, session, report, REPORTED)
        with pytest.raises(BadInput, match="says why"):
            await move(runtime, session, report, CLOSED, "  ")
        with pytest.raises(BadInput, match="1,000 is the most"):
            await move(runtime, session, report, FIXED, "x" * 1001)
        assert await deliveries(session) == []


async def test_reopening_forgets_when_it_was_fixed(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        report = await a_report(session, cast.alice)
        await move(runtime, session, report, FIXED)
        assert report.fixed_at == NOW
        await move(runtime, session, report, WORKING, "It came back")
        assert report.fixed_at is None


async def test_an_unknown_reference_and_one_that_is_none_are_told(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        for reference, error in (("SR-22222", NotFound), ("lamp", BadInput)):
            with pytest.raises(error):
                await updating.update(session, reference, status=FIXED, now=NOW, templates=runtime.templates, categories=CATEGORIES)
