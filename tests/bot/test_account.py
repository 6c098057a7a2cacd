"""Account in the chat: see it, change it, take it with you, leave, and be forgotten."""

import asyncio
import json
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from intouch.clock import ShiftedClock
from intouch.outbox.models import DeadAddress, Road
from intouch.privacy import erasure
from intouch.residents import email
from intouch.residents.models import Resident, ResidentStatus
from intouch.runtime import Runtime
from tests.bot.handlers import Person
from tests.privacy import world
from tests.residents import cast


async def _alice(runtime: Runtime, now: datetime) -> Person:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        await cast.alice(session, now=now)
    return Person(runtime, cast.ALICE)


async def _held(runtime: Runtime) -> set[str]:
    async with runtime.sessions.read() as session:
        resident = (await session.scalars(sa.select(Resident).where(Resident.telegram_id == cast.ALICE))).one()
        return await cast.held(session, resident.id)


async def test_settings_show_what_is_on_and_turn_it_off_and_on(runtime: Runtime, now: datetime) -> None:
    alice = await _alice(runtime, now)
    said = await alice.command("settings")
    assert "Southwick" in said
    assert "✅ Questions about my ward" in alice.buttons
    await alice.press("Questions about my ward")
    assert "⬜ Questions about my ward" in alice.buttons
    assert await _held(runtime) == set()
    await alice.tap("account:off:surveys")
    await alice.tap("account:on:surveys")
    await alice.tap("account:on:surveys")
    await alice.press("Sounding board")
    assert await _held(runtime) == {"surveys/telegram", "sounding_board/telegram"}


async def test_the_weekly_email_without_an_address_asks_for_one(runtime: Runtime, now: datetime) -> None:
    alice = await _alice(runtime, now)
    await alice.command("settings")
    assert "Which email address" in await alice.press("Weekly email")
    assert "no email address" in await alice.sticker()
    assert "look like an email address" in await alice.send("nonsense")
    assert "alice@example.org" in await alice.send("alice@example.org")
    assert "waiting for you" in await alice.command("settings")
    async with runtime.sessions.write() as session:
        resident = (await session.scalars(sa.select(Resident))).one()
        await email.confirm(session, resident_id=resident.id, address="alice@example.org", now=now)
    await alice.command("settings")
    assert "✅ Weekly email" in alice.buttons
    await alice.press("Weekly email")
    assert await _held(runtime) == {"surveys/telegram"}
    await alice.press("Weekly email")
    assert await _held(runtime) == {"surveys/telegram", "digest/email"}
    await alice.press("Remove my email")
    assert "alice@example.org" not in "".join(alice.said)
    assert await _held(runtime) == {"surveys/telegram"}


async def test_the_weekly_email_to_an_address_that_is_dead_asks_for_it_anew(runtime: Runtime, now: datetime) -> None:
    alice = await _alice(runtime, now)
    async with runtime.sessions.write() as session:
        resident = (await session.scalars(sa.select(Resident))).one()
        await cast.with_email(session, runtime, resident, "alice@example.org", now=now)
        session.add(DeadAddress(road=Road.EMAIL, address="alice@example.org", reason="550", died_at=now))
    assert "come back" in await alice.command("settings")
    assert "⬜ Weekly email" in alice.buttons  # also where the subscription has not ended
    said = await alice.press("Weekly email")
    assert "alice@example.org</b> come back" in said and "Which email address" in said
    assert "sent an email to alice@example.org" in await alice.send("alice@example.org")
    async with runtime.sessions.write() as session:
        await email.confirm(session, resident_id=resident.id, address="alice@example.org", now=now)
    await alice.command("settings")
    assert "✅ Weekly email" in alice.buttons


async def test_the_ward_can_be_changed_by_postcode_place_and_list(runtime: Runtime, now: datetime) -> None:
    alice = await _alice(runtime, now)
    await alice.command("settings")
    await alice.press("Change my ward")
    assert "Fulwell" in await alice.send("SR6 8BB")
    await alice.tap("account:ward")
    assert "Roker" in await alice.share(-0.5, 54.5)
    await alice.tap("account:ward")
    await alice.press("Choose from a list")
    await alice.press("North")
    assert "Southwick" in await alice.press("Southwick")
    await alice.tap("account:ward")
    assert "Nothing has changed" in await alice.command("cancel")


async def test_privacy_says_what_is_held_to_anybody(runtime: Runtime, now: datetime) -> None:
    alice = await _alice(runtime, now)
    said = await alice.command("privacy")
    assert "SR5 2AA" in said
    assert "City Hall, Plater Way" in said
    assert "hold nothing about you yet" in await Person(runtime, 9).command("privacy")


async def test_export_is_a_json_file_of_everything(runtime: Runtime, now: datetime) -> None:
    await world.aloysia(runtime, now)
    person = Person(runtime, world.TELEGRAM_ID)
    await person.command("export")
    document = person.reply.document
    assert document is not None
    assert document.filename == "in-touch-2026-11-18.json"
    everything = json.loads(document.contents)
    assert everything["resident"]["first_name"] == world.NAME
    assert everything["reports"][0]["place"] == world.PLACE


async def test_erase_asks_twice_and_then_really_erases(runtime: Runtime, now: datetime) -> None:
    resident_id = await world.aloysia(runtime, now)
    person = Person(runtime, world.TELEGRAM_ID)
    await person.command("erase")
    assert "can't be undone" in await person.press("Delete everything")
    async with runtime.sessions.read() as session:
        assert (await session.get_one(Resident, resident_id)).status is ResidentStatus.ACTIVE
    said = await person.press("Yes, delete it for good")
    assert "is deleted" in said
    async with runtime.sessions.read() as session:
        assert (await session.get_one(Resident, resident_id)).status is ResidentStatus.ERASED
    for command in ("erase", "export"):
        assert "hold nothing" in await person.command(command)
    assert "hold nothing" in await person.tap("account:eraseforgood:1")


async def test_privacy_erase_and_export_agree_on_what_stays(runtime: Runtime, now: datetime) -> None:
    alice = await _alice(runtime, now)
    stays = "Only counts stay"
    assert stays in await alice.command("privacy")
    assert stays in await alice.command("erase")
    assert "/erase" in await alice.command("export")
    said = " ".join([*alice.said, await alice.command("privacy")])
    assert "deletes it all" not in said and "delete it all" not in said


async def test_erase_can_be_thought_better_of(runtime: Runtime, now: datetime) -> None:
    alice = await _alice(runtime, now)
    await alice.command("erase")
    await alice.press("Delete everything")
    assert "Nothing was deleted" in await alice.press("No, keep it")
    assert await _held(runtime) == {"surveys/telegram"}


async def test_a_last_button_that_lay_about_asks_again_instead_of_erasing(runtime: Runtime, now: datetime, clock: ShiftedClock) -> None:
    alice = await _alice(runtime, now)
    await alice.command("erase")
    await alice.press("Delete everything")
    clock.set(now + timedelta(days=20))
    assert "Delete everything about you?" in await alice.press("Yes, delete it for good")
    assert await _held(runtime) == {"surveys/telegram"}
    for forged in ("account:eraseforgood", "account:eraseforgood:x", f"account:eraseforgood:{10**15}"):
        await alice.tap(forged)
    assert await _held(runtime) == {"surveys/telegram"}


async def test_tapping_twice_at_once_erases_once(runtime: Runtime, now: datetime) -> None:
    await world.aloysia(runtime, now)
    person = Person(runtime, world.TELEGRAM_ID)
    await person.command("erase")
    await person.press("Delete everything")
    data = person.buttons["Yes, delete it for good"]
    said = await asyncio.gather(*(Person(runtime, world.TELEGRAM_ID).tap(data) for _ in range(3)))
    assert all("deleted" in one or "hold nothing" in one for one in said)


async def test_stop_ends_everything_and_says_how_to_come_back(runtime: Runtime, now: datetime) -> None:
    alice = await _alice(runtime, now)
    for _ in range(2):
        said = await alice.command("stop")
        assert "/start" in said
    assert await _held(runtime) == set()
    assert "not signed up" in await Person(runtime, 9).command("stop")


async def test_stopping_half_way_through_the_sign_up_keeps_nothing(runtime: Runtime) -> None:
    await cast.city(runtime)
    person = Person(runtime, 9)
    await person.command("start")
    await person.press("Yes, I agree")
    assert "kept nothing" in await person.command("stop")
    async with runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Resident)) == 0


@pytest.mark.parametrize("data", ["account", "account:", "account:nonsense", "account:on", "account:on:nonsense", "account:off:1"])
async def test_made_up_buttons_get_a_sentence(runtime: Runtime, now: datetime, data: str) -> None:
    alice = await _alice(runtime, now)
    assert "old message" in await alice.tap(data)


async def test_buttons_of_settings_after_an_erasure_lead_to_a_new_sign_up(runtime: Runtime, now: datetime) -> None:
    alice = await _alice(runtime, now)
    async with runtime.sessions.write() as session:
        resident = (await session.scalars(sa.select(Resident))).one()
        await erasure.erase(session, resident.id, now=now)
    await alice.tap("account:on:board")
    assert "Yes, I agree" in alice.buttons


async def test_hostile_names_are_shown_as_they_are(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        await cast.alice(session, now=now, name='<b>Al</b> & "Co"')
    said = await Person(runtime, cast.ALICE, '<b>Al</b> & "Co"').command("start")
    assert "&lt;b&gt;Al&lt;/b&gt; &amp;" in said
