"""What follows from a report: for the address, for its owner, and nothing for who forged or repeated it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from intouch.bounces import recording
from intouch.bounces.models import BounceReport, Kind, TroubledAddress
from intouch.bounces.reading import Report
from intouch.bounces.recording import Heard
from intouch.clock import ShiftedClock
from intouch.council.models import Councillor, Officer
from intouch.outbox.models import Delivery, State
from intouch.places.models import Ward
from intouch.privacy import erasure, export
from intouch.residents.models import Subscription
from intouch.runtime import Runtime
from tests.bounces.mailing import ADDRESS, confirm_anew, gets, intake_of, is_dead, send, sign_up, told
from tests.residents import cast


async def test_a_hard_bounce_stops_the_address_and_tells_its_owner_in_the_chat_once(runtime: Runtime) -> None:
    alice = await sign_up(runtime)
    first, second = await send(runtime, alice), await send(runtime, alice, key="digest:2")
    intake = intake_of(runtime)
    assert await intake.heed(Report(Kind.HARD, "5.1.1", first)) is Heard.STOPPED
    assert await intake.heed(Report(Kind.HARD, "5.1.1", first)) is Heard.KNOWN
    assert await intake.heed(Report(Kind.HARD, "5.1.1", second)) is Heard.NOTED
    assert await is_dead(runtime)
    assert await gets(runtime, alice) == {"surveys/telegram"}
    async with runtime.sessions.read() as session:
        (message,) = await told(session)
    assert message.address == str(cast.ALICE)
    assert ADDRESS in message.payload["text"]
    assert message.payload["buttons"] == [[["Change my email", "account:email", ""]]]


async def test_a_councillor_and_an_officer_hear_of_their_address_in_the_chat_too(runtime: Runtime) -> None:
    alice = await sign_up(runtime)
    async with runtime.sessions.write() as session:
        ward = (await session.scalars(sa.select(Ward.id))).first()
        session.add(Councillor(name="Carl", ward_id=ward, email=ADDRESS, telegram_id=77, is_active=True))
        session.add(Councillor(name="Carla", ward_id=ward, email=ADDRESS, is_active=True))
        session.add(Councillor(name="Caleb", ward_id=ward, email="other@council.example", telegram_id=78, is_active=True))
        session.add(Officer(name="Olive", email=ADDRESS, telegram_id=79, created_at=runtime.now()))
    number = await send(runtime, alice)
    for _ in range(2):
        await intake_of(runtime).heed(Report(Kind.HARD, "5.1.1", number))
    async with runtime.sessions.read() as session:
        messages = {message.address: message for message in await told(session)}
        assert len(await told(session)) == 3
    assert set(messages) == {str(cast.ALICE), "77", "79"}
    assert messages["77"].owner is not None and messages["77"].owner.startswith("councillor:")
    assert ADDRESS in messages["77"].payload["text"]
    assert "buttons" not in messages["79"].payload or not messages["79"].payload["buttons"]


async def test_two_processes_that_hear_the_same_at_once_count_it_once(runtime: Runtime) -> None:
    alice = await sign_up(runtime)
    number = await send(runtime, alice)
    intakes = [intake_of(runtime) for _ in range(6)]
    heard = await asyncio.gather(*(one.heed(Report(Kind.HARD, "5.1.1", number)) for one in intakes))
    assert sorted(heard) == [Heard.KNOWN] * 5 + [Heard.STOPPED]
    async with runtime.sessions.read() as session:
        assert len(await told(session)) == 1


async def test_soft_bounces_of_five_days_stop_the_address(runtime: Runtime, clock: ShiftedClock) -> None:
    alice = await sign_up(runtime)
    intake = intake_of(runtime)
    for day in range(5):
        assert not await is_dead(runtime)
        numbers = [await send(runtime, alice, key=f"digest:{day}:{number}") for number in range(3)]
        heard = [await intake.heed(Report(Kind.SOFT, "4.2.2", number)) for number in numbers]
        assert heard == ([Heard.NOTED] * 3 if day < 4 else [Heard.STOPPED, Heard.NOTED, Heard.NOTED])
        clock.set(clock.now() + timedelta(days=7))
    assert await is_dead(runtime)
    async with runtime.sessions.read() as session:
        assert len(await told(session)) == 1


@pytest.mark.parametrize("last", [Kind.SOFT, Kind.HARD])
async def test_whoever_proves_a_stopped_address_anew_starts_without_points(runtime: Runtime, clock: ShiftedClock, last: Kind) -> None:
    alice = await sign_up(runtime)
    intake = intake_of(runtime)
    for day, kind in enumerate([*[Kind.SOFT] * 4, last, Kind.SOFT]):
        if day == 5:
            assert await is_dead(runtime)
            await confirm_anew(runtime, alice, now=runtime.now())
            clock.set(clock.now() + timedelta(days=7))
        await intake.heed(Report(kind, "", await send(runtime, alice, key=f"digest:{day}")))
        clock.set(clock.now() + timedelta(hours=1 if day == 4 else 24 * 7))
    assert not await is_dead(runtime)


async def test_a_month_without_one_forgets_the_soft_bounces(runtime: Runtime, clock: ShiftedClock) -> None:
    alice = await sign_up(runtime)
    intake = intake_of(runtime)
    for day in range(4):
        await intake.heed(Report(Kind.SOFT, "4.2.2", await send(runtime, alice, key=f"digest:{day}")))
        clock.set(clock.now() + timedelta(days=1))
    clock.set(clock.now() + timedelta(days=31))
    async with runtime.sessions.write() as session:
        assert await recording.forget_old(session, now=runtime.now()) == 1
        assert await recording.forget_old(session, now=runtime.now()) == 0
    await intake.heed(Report(Kind.SOFT, "4.2.2", await send(runtime, alice, key="digest:late")))
    assert not await is_dead(runtime)


async def test_a_replay_on_another_day_does_not_add_up(runtime: Runtime, clock: ShiftedClock) -> None:
    alice = await sign_up(runtime)
    number = await send(runtime, alice)
    intake = intake_of(runtime)
    heard = []
    for _ in range(8):
        heard.append(await intake.heed(Report(Kind.SOFT, "4.2.2", number)))
        clock.set(clock.now() + timedelta(days=1))
    assert heard == [Heard.NOTED] + [Heard.KNOWN] * 7
    assert not await is_dead(runtime)


async def test_many_soft_bounces_at_once_are_one(runtime: Runtime) -> None:
    alice = await sign_up(runtime)
    numbers = [await send(runtime, alice, key=f"digest:{number}") for number in range(8)]
    await asyncio.gather(*(intake_of(runtime).heed(Report(Kind.SOFT, "4.2.2", number)) for number in numbers))
    async with runtime.sessions.read() as session:
        assert (await session.get_one(TroubledAddress, ADDRESS)).score == 1


async def test_a_complaint_ends_what_comes_by_email_and_says_nothing(runtime: Runtime) -> None:
    alice = await sign_up(runtime)
    number = await send(runtime, alice)
    assert await intake_of(runtime).heed(Report(Kind.COMPLAINT, "abuse", number)) is Heard.STOPPED
    assert await gets(runtime, alice) == {"surveys/telegram"}
    assert await is_dead(runtime)
    async with runtime.sessions.read() as session:
        ended = await session.scalars(sa.select(Subscription.ended_reason).where(Subscription.ended_at.is_not(None)))
        assert set(ended) == {"complaint"}
        assert await session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == 1


async def test_trouble_follows_the_address_and_not_the_resident(runtime: Runtime, clock: ShiftedClock) -> None:
    alice = await sign_up(runtime)
    intake = intake_of(runtime)
    old = await send(runtime, alice, address="old@example.org")
    await intake.heed(Report(Kind.HARD, "5.1.1", old))
    assert await is_dead(runtime, "old@example.org")
    assert await gets(runtime, alice) == {"surveys/telegram", "digest/email"}
    async with runtime.sessions.read() as session:
        assert await told(session) == []  # the address is not hers any more


async def test_a_report_about_an_email_from_before_the_owner_proved_the_address_is_old_news(runtime: Runtime, clock: ShiftedClock) -> None:
    alice = await sign_up(runtime)
    first, second = await send(runtime, alice), await send(runtime, alice, key="digest:2")
    await intake_of(runtime).heed(Report(Kind.HARD, "5.1.1", first))
    clock.set(clock.now() + timedelta(days=1))
    await confirm_anew(runtime, alice, now=runtime.now())
    assert await intake_of(runtime).heed(Report(Kind.HARD, "5.1.1", second)) is Heard.OLD
    assert not await is_dead(runtime)
    assert "digest/email" in await gets(runtime, alice)


@pytest.mark.parametrize("report", [Report(Kind.HARD, "5.1.1", 999), Report(Kind.HARD, "", None, "mallory@example.org", "ses:1")])
async def test_a_report_about_no_email_of_ours_leaves_no_trace(runtime: Runtime, report: Report) -> None:
    await sign_up(runtime)
    assert await intake_of(runtime).heed(report) is Heard.NOTHING
    async with runtime.sessions.read() as session:
        assert (await session.scalars(sa.select(BounceReport))).all() == []
    assert not await is_dead(runtime, "mallory@example.org")


async def test_a_provider_that_names_only_the_address_is_heard_once_per_number(runtime: Runtime) -> None:
    alice = await sign_up(runtime)
    await send(runtime, alice)
    report = Report(Kind.HARD, "5.1.1", None, "Alice@Example.org", "postmark:7:hard")
    assert [await intake_of(runtime).heed(report) for _ in range(2)] == [Heard.STOPPED, Heard.KNOWN]
    assert await is_dead(runtime)


@pytest.mark.parametrize(
    "told", ["alice@xn--strae-oqa.example", "Alice@XN--STRAE-OQA.example", "alice@straße.example", "alice@STRAßE.example "]
)
async def test_a_provider_may_name_a_domain_of_another_script_in_ascii(runtime: Runtime, told: str) -> None:
    alice = await sign_up(runtime)
    await send(runtime, alice, address="alice@straße.example")
    assert await intake_of(runtime).heed(Report(Kind.HARD, "", None, told, "postmark:1")) is Heard.STOPPED
    assert await is_dead(runtime, "alice@straße.example")


async def test_export_shows_what_was_reported_and_erasure_forgets_it(runtime: Runtime) -> None:
    alice = await sign_up(runtime)
    number = await send(runtime, alice)
    intake = intake_of(runtime)
    await intake.heed(Report(Kind.SOFT, "4.2.2", number))
    async with runtime.sessions.read() as session:
        held = (await export.everything_about(session, alice))["undelivered"]
    assert held["days_with_trouble"] == 1
    assert [(one["what"], one["status"]) for one in held["reports"]] == [("soft", "4.2.2")]
    async with runtime.sessions.write() as session:
        await erasure.erase(session, alice, now=runtime.now())
    async with runtime.sessions.read() as session:
        assert (await session.scalars(sa.select(BounceReport))).all() == []
        assert (await session.scalars(sa.select(TroubledAddress))).all() == []
    assert await intake.heed(Report(Kind.HARD, "5.1.1", number)) is Heard.NOTHING


async def test_who_said_stop_hears_nothing_of_it_in_the_chat(runtime: Runtime) -> None:
    alice = await sign_up(runtime)
    number = await send(runtime, alice)
    async with runtime.sessions.write() as session:
        await session.execute(sa.text("UPDATE residents SET telegram_blocked_at = created_at"))
    await intake_of(runtime).heed(Report(Kind.HARD, "5.1.1", number))
    async with runtime.sessions.read() as session:
        assert await told(session) == []
        assert (await session.get_one(Delivery, number)).state is State.SENT
