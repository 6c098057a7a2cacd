"""Confirming the address before the last question of the sign-up is answered: who may be in, is in."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from intouch.clock import ShiftedClock
from intouch.privacy import merging
from intouch.residents import dialogues, housekeeping
from intouch.residents.models import Resident, ResidentStatus, Subscription
from intouch.runtime import Runtime
from tests.bot.handlers import Person
from tests.residents import cast

ADDRESS = "alice@example.org"


async def _confirm(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        alice = (await session.scalars(sa.select(Resident).where(Resident.telegram_id == cast.ALICE))).one()
        await merging.confirm(session, resident_id=alice.id, address=ADDRESS, now=runtime.now())


async def _resident(runtime: Runtime) -> Resident:
    async with runtime.sessions.read() as session:
        return (await session.scalars(sa.select(Resident).where(Resident.telegram_id == cast.ALICE))).one()


async def _held(runtime: Runtime) -> set[str]:
    async with runtime.sessions.read() as session:
        return await cast.held(session, (await _resident(runtime)).id)


async def _up_to_the_last_question(runtime: Runtime) -> Person:
    await cast.city(runtime)
    alice = Person(runtime, cast.ALICE)
    await alice.command("start")
    await alice.press("Yes, I agree")
    await alice.send("SR5 2AA")
    await alice.send(ADDRESS)
    assert "sounding board" in alice.said[-1]
    return alice


async def test_who_confirms_before_the_last_question_is_in(runtime: Runtime) -> None:
    await _up_to_the_last_question(runtime)
    for _ in range(2):
        await _confirm(runtime)
    resident = await _resident(runtime)
    assert (resident.status, resident.was_asked_board) == (ResidentStatus.ACTIVE, False)
    assert resident.joined_at == resident.email_confirmed_at
    assert await _held(runtime) == {"digest/email", "surveys/telegram"}


async def test_the_last_question_can_still_be_answered(runtime: Runtime, now: datetime, clock: ShiftedClock) -> None:
    alice = await _up_to_the_last_question(runtime)
    yes, no = alice.buttons["Yes, ask me first"], alice.buttons["No, thank you"]
    await _confirm(runtime)
    clock.set(now + timedelta(days=1))
    for said in (await alice.send("hello"), await alice.sticker()):
        assert "press one of the buttons" in said and "sounding board" in said
    said = await alice.tap(yes)
    assert "You are signed up" in said and "still have your ward" not in said
    resident = await _resident(runtime)
    assert (resident.status, resident.joined_at) == (ResidentStatus.ACTIVE, resident.email_confirmed_at)
    assert await _held(runtime) == {"digest/email", "surveys/telegram", "sounding_board/telegram"}
    async with runtime.sessions.read() as session:
        assert await dialogues.current(session, cast.ALICE) is None
        assert await session.scalar(sa.select(sa.func.count()).select_from(Subscription)) == 3
    assert "you are signed up" in await alice.tap(no)
    assert "sounding_board/telegram" in await _held(runtime)


async def test_start_asks_the_last_question_again_and_cancel_leaves_who_is_in_signed_up(runtime: Runtime) -> None:
    alice = await _up_to_the_last_question(runtime)
    await _confirm(runtime)
    assert "sounding board" in await alice.command("start")
    said = await alice.command("cancel")
    assert "not signed up" not in said and "/settings" in said
    assert (await _resident(runtime)).status is ResidentStatus.ACTIVE


async def test_who_comes_back_with_the_address_we_have_is_in_before_the_last_question(runtime: Runtime) -> None:
    alice = await _up_to_the_last_question(runtime)
    await alice.press("No, thank you")
    await _confirm(runtime)
    await alice.command("stop")
    await alice.command("start")
    await alice.press("Yes, I agree")
    said = await alice.press("Yes, use my address")
    assert "weekly email comes to" in said and "sounding board" in alice.said[-1]
    assert (await _resident(runtime)).status is ResidentStatus.ACTIVE
    assert "still have your ward" in await alice.press("No, thank you")


async def test_without_a_ward_nobody_is_in_and_a_sign_up_left_there_is_forgotten(runtime: Runtime, now: datetime) -> None:
    alice = await _up_to_the_last_question(runtime)
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Resident).values(ward_id=None, ward_source=None, postcode=None))  # as when boundaries change
    await _confirm(runtime)
    assert (await _resident(runtime)).status is ResidentStatus.DRAFT
    async with runtime.sessions.write() as session:
        assert await housekeeping.forget_drafts(session, now=now + timedelta(days=13)) == 0
    await alice.send("SR5 2AA")
    assert "sounding board" in alice.said[-1]
    assert (await _resident(runtime)).status is ResidentStatus.ACTIVE


async def test_a_confirmed_address_without_a_ward_is_forgotten_after_two_weeks(runtime: Runtime, now: datetime) -> None:
    await _up_to_the_last_question(runtime)
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Resident).values(ward_id=None, ward_source=None, postcode=None))
    await _confirm(runtime)
    async with runtime.sessions.write() as session:
        assert await housekeeping.forget_drafts(session, now=now + timedelta(days=15)) == 1
        assert await session.scalar(sa.select(sa.func.count()).select_from(Resident)) == 0
        assert await session.scalar(sa.select(sa.func.count()).select_from(Subscription)) == 0
        assert await cast.letters(session, ADDRESS) == []
