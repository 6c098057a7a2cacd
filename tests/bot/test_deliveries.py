"""What waits for an officer, in the chat: unknown deliveries, late editions, what is paused, and what a restore holds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from intouch import schedule
from intouch.bot import deliveries
from intouch.bot.turn import Content, Reply
from intouch.clock import ShiftedClock
from intouch.council.models import Officer
from intouch.digest.models import Audience, Edition, EditionStatus
from intouch.errors import BadInput, Closed, NotAllowed
from intouch.outbox import holds
from intouch.outbox.models import Delivery, Stand, State
from intouch.runtime import Runtime
from intouch.surveys.models import Survey, SurveyStatus
from tests.bot.survey_turns import Phone, data_of, message
from tests.digest import writing
from tests.digest.conftest import Town, town
from tests.outbox.outboxes import draft, queue, states

__all__ = ["town"]

SATURDAY = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
async def phone(runtime: Runtime, now: datetime) -> Phone:
    async with runtime.sessions.write() as session:
        session.add(Officer(name="Olive", email="olive@council.example", telegram_id=500, created_at=now))
    return Phone(runtime, 500)


async def look(phone: Phone) -> Reply:
    return await phone.turn(deliveries.deliveries, Content.COMMAND)


async def tap(phone: Phone, data: str) -> Reply:
    return await phone.turn(deliveries.tap, Content.TAP, data=data)


async def test_nothing_waits_in_a_quiet_house(phone: Phone) -> None:
    assert "Nothing." in message(await look(phone)).text


async def test_unknown_deliveries_are_sent_again_or_let_be_each_once_however_often_tapped(
    runtime: Runtime, phone: Phone, now: datetime
) -> None:
    await queue(runtime, draft(1, now), draft(2, now, batch="survey:2"), draft(3, now))
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Delivery).where(Delivery.address != "3").values(state=State.UNKNOWN, settled_at=now))
    reply = await look(phone)
    assert "test:1: nobody knows whether 1 message arrived" in message(reply).text
    for _ in range(2):
        await tap(phone, "deliveries:again:test:1")
        reply = await tap(phone, "deliveries:be:survey:2")
    assert await states(runtime) == [State.QUEUED, State.CANCELLED, State.QUEUED]
    assert "Nothing." in message(reply).text


async def test_a_message_that_belongs_to_no_batch_has_buttons_too(runtime: Runtime, phone: Phone, now: datetime) -> None:
    await queue(runtime, draft(1, now, batch=None), draft(2, now, batch=None), draft(3, now))
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Delivery).values(state=State.UNKNOWN, settled_at=now))
    reply = await look(phone)
    assert "Single messages: nobody knows whether 2 messages arrived" in message(reply).text
    await tap(phone, data_of(reply, "Send again (1)"))
    assert await states(runtime) == [State.QUEUED, State.QUEUED, State.UNKNOWN]
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Delivery).values(state=State.UNKNOWN))
    await tap(phone, data_of(reply, "Let be (1)"))
    assert await states(runtime) == [State.CANCELLED, State.CANCELLED, State.UNKNOWN]


async def test_where_several_wait_a_number_says_which_button_is_whose(runtime: Runtime, phone: Phone, now: datetime) -> None:
    asked = Survey(status=SurveyStatus.OPEN, title="Bin days", why="", ward_codes=[], created_at=now, closes_at=now)
    async with runtime.sessions.write() as session:
        session.add(asked)
    await queue(runtime, draft(1, now), draft(2, now, batch=f"survey:{asked.id}"), draft(3, now, batch="test:3"))
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Delivery).where(Delivery.address != "3").values(state=State.UNKNOWN, settled_at=now))
        await holds.order(session, ["test:3"], Stand.PAUSED, by="Olive", now=now)
    reply = await look(phone)
    assert f"survey {asked.id}, Bin days: nobody knows whether 1 message arrived (1)." in message(reply).text
    assert "test:1: nobody knows whether 1 message arrived (2)." in message(reply).text and "test:3: paused (3)." in message(reply).text
    assert data_of(reply, "Let be (2)") == "deliveries:be:test:1"
    assert data_of(reply, "Go on sending (3)") == "deliveries:resume:test:3"


async def test_all_that_is_paused_goes_on_with_one_tap(runtime: Runtime, phone: Phone, now: datetime) -> None:
    batches = [f"edition:{number}" for number in range(25)]
    await queue(runtime, *(draft(number, now, batch=batch) for number, batch in enumerate(batches)))
    async with runtime.sessions.write() as session:
        await holds.order(session, batches, Stand.PAUSED, by="Olive", now=now)
        await holds.move(session, batches, Stand.PAUSED, by="Olive", now=now)
    assert set(await states(runtime)) == {State.PAUSED}
    data = data_of(await look(phone), "Go on sending all 25")
    for _ in range(2):
        reply = await tap(phone, data)
    assert set(await states(runtime)) == {State.QUEUED} and "Nothing." in message(reply).text


async def test_what_a_button_cannot_name_is_said_to_be_there(runtime: Runtime, phone: Phone, now: datetime) -> None:
    await queue(runtime, draft(1, now, batch="b" * 60))
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Delivery).values(state=State.UNKNOWN))
    assert "There is more: intouch delivery list" in message(await look(phone)).text


async def test_what_was_cancelled_is_not_sent_again_and_can_be_let_be(runtime: Runtime, phone: Phone, now: datetime) -> None:
    await queue(runtime, draft(1, now))
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Delivery).values(state=State.UNKNOWN, error="no answer"))
        await holds.order(session, ["test:1"], Stand.CANCELLED, by="Olive", now=now)
    with pytest.raises(Closed, match="what is cancelled stays so"):
        await tap(phone, "deliveries:again:test:1")
    assert await states(runtime) == [State.UNKNOWN]
    await tap(phone, "deliveries:be:test:1")
    assert await states(runtime) == [State.CANCELLED]


async def miss_friday(runtime: Runtime, town: Town, clock: ShiftedClock) -> None:
    """Both wards have a subscriber and news, and nobody was there when their digests were due."""
    clock.set(SATURDAY - timedelta(days=30))
    await schedule.reconcile(runtime)
    await town.subscriber()
    await town.subscriber(town.fulwell)
    await writing.notice(runtime, "Road closed", on=date(2026, 11, 24), ward_id=None, created_at=SATURDAY - timedelta(days=2))
    clock.set(SATURDAY + timedelta(days=1, hours=12))
    await schedule.reconcile(runtime)


async def test_a_late_edition_is_sent_with_the_next_tick_or_cancelled(
    runtime: Runtime, phone: Phone, town: Town, clock: ShiftedClock
) -> None:
    await miss_friday(runtime, town, clock)
    reply = await look(phone)
    assert "digest 2026-W47, Southwick: too late to go out by itself." in message(reply).text
    data = data_of(reply, "Send the digest: Southwick")
    async with runtime.sessions.read() as session:
        fulwell = await session.scalar(sa.select(Edition.id).where(Edition.audience == Audience.DIGEST, Edition.ward_id == town.fulwell))
    for _ in range(2):
        await tap(phone, data)
        assert "Cancelled: digest 2026-W47, Fulwell. Nobody gets it" in message(await tap(phone, f"deliveries:cancel:{fulwell}")).text
        await schedule.reconcile(runtime)
    with pytest.raises(Closed, match="was cancelled, and what is cancelled stays so"):
        await tap(phone, f"deliveries:publish:{fulwell}")
    with pytest.raises(Closed, match="That edition is out already"):
        await tap(phone, data.replace("publish", "cancel"))
    async with runtime.sessions.read() as session:
        statuses = await session.execute(sa.select(Edition.ward_id, Edition.status).where(Edition.audience == Audience.DIGEST))
        assert {row[0]: row[1] for row in statuses} == {
            town.southwick: EditionStatus.PUBLISHED,
            town.fulwell: EditionStatus.CANCELLED,
        }
    assert await states(runtime) == [State.QUEUED]


async def test_all_late_editions_of_a_week_are_sent_with_one_tap(runtime: Runtime, phone: Phone, town: Town, clock: ShiftedClock) -> None:
    await miss_friday(runtime, town, clock)
    async with runtime.sessions.read() as session:
        fulwell = await session.scalar(sa.select(Edition.id).where(Edition.audience == Audience.DIGEST, Edition.ward_id == town.fulwell))
    reply = await look(phone)
    assert "digest 2026-W47: 2 wards wait, too late to go out by themselves." in message(reply).text
    await tap(phone, f"deliveries:cancel:{fulwell}")
    for _ in range(2):
        await tap(phone, data_of(reply, "Send the digest to all 2 wards"))
        await schedule.reconcile(runtime)
    assert "digest 2026-W47" not in message(await look(phone)).text
    async with runtime.sessions.read() as session:
        statuses = await session.execute(sa.select(Edition.ward_id, Edition.status).where(Edition.audience == Audience.DIGEST))
        # What was cancelled in the meantime stays so.
        assert {row[0]: row[1] for row in statuses} == {town.southwick: EditionStatus.PUBLISHED, town.fulwell: EditionStatus.CANCELLED}


async def test_one_that_does_not_exist_cannot_be_cancelled(phone: Phone) -> None:
    with pytest.raises(BadInput, match="old message"):
        await tap(phone, "deliveries:cancel:999")


async def test_what_is_paused_or_held_goes_on_with_a_tap(runtime: Runtime, phone: Phone, now: datetime) -> None:
    await queue(runtime, draft(1, now), draft(2, now, batch="survey:2"))
    async with runtime.sessions.write() as session:
        await holds.order(session, ["test:1"], Stand.PAUSED, by="Olive", now=now)
        await holds.move(session, ["test:1"], Stand.PAUSED, by="Olive", now=now)
    assert "test:1: paused." in message(await look(phone)).text
    await tap(phone, "deliveries:resume:test:1")
    async with runtime.sessions.write() as session:
        await holds.hold_all(session, by="test", now=now)
    reply = await look(phone)
    assert "restored from a backup" in message(reply).text and "2 messages" in message(reply).text
    await tap(phone, data_of(reply, "Let them go"))
    await tap(phone, "deliveries:release")
    assert set(await states(runtime)) == {State.QUEUED}


@pytest.mark.parametrize(
    "data", ["deliveries", "deliveries:drop:all", "deliveries:again", "deliveries:publish:x", "deliveries:be", "deliveries:all:x:y"]
)
async def test_made_up_buttons_get_a_sentence(phone: Phone, data: str) -> None:
    with pytest.raises(BadInput):
        await tap(phone, data)


async def test_nobody_but_officers(runtime: Runtime, phone: Phone) -> None:
    mallory = Phone(runtime, 666)
    with pytest.raises(NotAllowed):
        await look(mallory)
    with pytest.raises(NotAllowed):
        await tap(mallory, "deliveries:release")
