"""Sign-up in the chat: one thing at a time, continued where it was left, kind to whatever is sent."""

import asyncio
import html
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intouch import app
from intouch import settings as settings_module
from intouch.clock import ShiftedClock
from intouch.council import linking, people
from intouch.outbox.models import DeadAddress, Road
from intouch.places.models import Ward
from intouch.residents import reaching, signup
from intouch.residents.models import Consent, Dialogue, Resident, ResidentStatus, WardSource
from intouch.runtime import Runtime
from intouch.storage import upgrade
from intouch.surveys import launch
from intouch.surveys.plan import SurveyPlan
from tests.bot.handlers import Person
from tests.conftest import NOW
from tests.places.squares import three_wards
from tests.residents import cast
from tests.surveys.conftest import plan

__all__ = ["plan"]

HOSTILE = [
    "😀" * 200,
    "<b>bold</b> & _markdown_ *x*",
    "مرحبا بالعالم",
    "x" * 4096,
    "\u202eSR5 2AA\u202c?",
    "'; DROP TABLE residents; --",
    "0",
    " ",
]


async def _resident(runtime: Runtime, telegram_id: int = cast.ALICE) -> Resident:
    async with runtime.sessions.read() as session:
        return (await session.scalars(sa.select(Resident).where(Resident.telegram_id == telegram_id))).one()


async def _alice(runtime: Runtime) -> Person:
    await cast.city(runtime)
    return Person(runtime, cast.ALICE)


async def test_a_resident_signs_up_from_start_to_the_end(runtime: Runtime, now: datetime) -> None:
    alice = await _alice(runtime)
    said = await alice.command("start")
    assert "Sunderland City Council" in said
    assert "never who" in said
    assert "left off" not in said
    await alice.press("Yes, I agree")
    assert "Type your postcode" in alice.said[-1]
    said = await alice.send("sr5-2aa")
    assert "<b>Southwick</b>" in said
    assert "email once a week" in alice.said[-1]
    said = await alice.send("Alice@Example.org")
    assert "alice@example.org" in said
    assert "sounding board" in alice.said[-1]
    said = await alice.press("Yes, ask me first")
    assert "What happens next" in said
    assert "Southwick" in said
    resident = await _resident(runtime)
    assert resident.status is ResidentStatus.ACTIVE
    async with runtime.sessions.read() as session:
        assert await cast.held(session, resident.id) == {"surveys/telegram", "sounding_board/telegram"}
        assert len(await cast.letters(session, "alice@example.org")) == 1
        assert await session.scalar(sa.select(sa.func.count()).select_from(Dialogue)) == 0


async def test_the_very_words_that_were_shown_are_recorded(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    said = await alice.command("start")
    await alice.press("Yes, I agree")
    async with runtime.sessions.read() as session:
        consent = (await session.scalars(sa.select(Consent))).one()
    assert html.escape(consent.wording, quote=False) in said.replace("&#39;", "'")


async def test_a_button_under_older_words_agrees_to_nothing(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    await alice.command("start")
    await alice.tap("signup:agree:deadbeef")
    assert "Yes, I agree" in alice.buttons
    assert (await _resident(runtime)).consented_at is None


async def test_sign_up_goes_on_where_it_was_left_at_every_step(runtime: Runtime) -> None:
    alice = await _alice(runtime)

    async def leave_and_return() -> str:
        return (await Person(runtime, cast.ALICE).command("start")).splitlines()[-1]

    await alice.command("start")
    again = Person(runtime, cast.ALICE)
    await again.command("start")
    assert "Yes, I agree" in again.buttons
    await alice.press("Yes, I agree")
    assert "postcode" in await leave_and_return()
    await alice.send("SR5 2AA")
    assert "email address" in await leave_and_return()
    await alice.press("No, thank you")
    assert "once a week" not in await leave_and_return()
    assert "one short question a week" in await leave_and_return()
    await alice.press("No, thank you")
    again = Person(runtime, cast.ALICE)
    assert "you are signed up" in await again.command("start")


async def test_two_starts_at_once_make_one_resident(runtime: Runtime) -> None:
    await cast.city(runtime)
    await asyncio.gather(*(Person(runtime, cast.ALICE).command("start") for _ in range(5)))
    async with runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Resident)) == 1


async def test_the_ward_by_a_shared_place(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    await alice.command("start")
    await alice.press("Yes, I agree")
    await alice.press("Share my location")
    assert alice.asks_location
    said = await alice.share(-1.5, 54.5)
    assert "Fulwell" in said
    resident = await _resident(runtime)
    assert (resident.ward_source, resident.longitude) == (WardSource.LOCATION, -1.5)


async def test_the_ward_by_area_and_ward_buttons(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    await alice.command("start")
    await alice.press("Yes, I agree")
    await alice.press("Choose from a list")
    assert {"Coast", "North", "Back"} == set(alice.buttons)
    await alice.press("North")
    assert {"Southwick", "Fulwell", "Back"} == set(alice.buttons)
    await alice.press("Back")
    await alice.press("Coast")
    assert "Roker" in await alice.press("Roker")
    assert (await _resident(runtime)).ward_source is WardSource.CHOSEN


async def test_without_areas_the_wards_come_at_once(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Ward).values(area_id=None))
    await alice.command("start")
    await alice.press("Yes, I agree")
    assert "Which ward" in await alice.press("Choose from a list")
    assert {"Southwick", "Fulwell", "Roker", "Back"} == set(alice.buttons)


@pytest.mark.parametrize("typed", ["SW1A 1AA", "SR5 9ZZ", "nowhere", *HOSTILE])
async def test_a_postcode_we_cannot_use_gets_a_sentence_and_ways_on(runtime: Runtime, typed: str) -> None:
    alice = await _alice(runtime)
    await alice.command("start")
    await alice.press("Yes, I agree")
    await alice.send(typed)
    if (await _resident(runtime)).ward_id is None:
        assert alice.said[0]
        assert "Choose from a list" in alice.buttons


async def test_a_place_outside_gets_a_sentence_and_ways_on(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    await alice.command("start")
    await alice.press("Yes, I agree")
    said = await alice.share(100.0, -10.0)
    assert "Sunderland City Council" in said
    assert "Choose from a list" in alice.buttons


async def test_a_link_of_a_ward_proposes_it_after_the_consent(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    await alice.command("start", "w_e05016377")
    assert "Yes, I agree" in alice.buttons
    await alice.press("Yes, I agree")
    assert "Do you live in <b>Fulwell</b>?" in alice.said[-1]
    await alice.press("Not my ward")
    assert "Type your postcode" in alice.said[-1]
    await alice.command("start", "w_E05016377")
    await alice.press("Yes, I live there")
    assert "email once a week" in alice.said[-1]
    async with runtime.sessions.read() as session:
        assert (await session.get_one(Ward, (await _resident(runtime)).ward_id)).name == "Fulwell"


async def test_a_postcode_typed_instead_of_yes_or_no_is_taken(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    await alice.command("start", "w_E05016377")
    await alice.press("Yes, I agree")
    assert "Southwick" in await alice.send("SR5 2AA")


@pytest.mark.parametrize("typed", ["sticker", "nowhere", "SW1A 1AA"])
async def test_what_is_no_answer_to_the_ward_of_a_link_gets_the_same_question_again(runtime: Runtime, typed: str) -> None:
    alice = await _alice(runtime)
    await alice.command("start", "w_E05016377")
    await alice.press("Yes, I agree")
    await (alice.sticker() if typed == "sticker" else alice.send(typed))
    assert "Do you live in <b>Fulwell</b>?" in alice.said[-1] and "Yes, I live there" in alice.buttons
    await alice.press("Yes, I live there")
    assert (await _resident(runtime)).ward_source is WardSource.CHOSEN


@pytest.mark.parametrize("data", ["ward:9999", "ward:x", "ward", "area:9999", "area:x"])
@pytest.mark.parametrize("is_moving", [False, True])
async def test_a_made_up_ward_button_brings_the_question_with_its_buttons_again(
    runtime: Runtime, now: datetime, data: str, is_moving: bool
) -> None:
    await cast.city(runtime)
    alice = Person(runtime, cast.ALICE)
    if is_moving:
        async with runtime.sessions.write() as session:
            await cast.alice(session, now=now)
        await alice.tap("account:ward")
    else:
        await alice.command("start")
        await alice.press("Yes, I agree")
    assert alice.buttons
    await alice.tap(f"signup:{data}")
    assert len(alice.said) == 2 and "Where do you live?" in alice.said[-1]
    assert "Choose from a list" in alice.buttons


@pytest.mark.parametrize("argument", ["w_E99999999", "w_", "w_" + "x" * 100, "nonsense", "w_<b>"])
async def test_a_link_that_names_no_ward_is_a_plain_start(runtime: Runtime, argument: str) -> None:
    alice = await _alice(runtime)
    await alice.command("start", argument)
    assert "Yes, I agree" in alice.buttons
    assert (await _resident(runtime)).ward_id is None


async def test_a_link_with_a_code_links_an_officer_and_signs_nobody_up(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        olive = await people.add_officer(session, name="Olive", email="olive@council.example", now=now)
        code = await linking.issue_code(session, officer_id=olive.id, now=now)
    person = Person(runtime, 77, "Olive")
    assert "Welcome, Olive" in await person.command("start", f"link_{code}")
    assert "code" in await person.command("start", "link_nonsense")
    async with runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Resident)) == 0


async def test_saying_no_keeps_nothing(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    await alice.command("start")
    assert "kept nothing" in await alice.press("No, thank you")
    async with runtime.sessions.read() as session:
        for table in (Resident, Dialogue):
            assert await session.scalar(sa.select(sa.func.count()).select_from(table)) == 0
    await alice.tap("signup:no")
    assert "Yes, I agree" in alice.buttons


async def test_privacy_can_be_read_before_agreeing(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    await alice.command("start")
    said = await alice.press("privacy")
    assert "City Hall" in said
    await alice.press("Yes, I agree")
    assert "postcode" in alice.said[-1]


async def test_a_bad_address_is_asked_again_and_can_be_left_out(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    await alice.command("start")
    await alice.press("Yes, I agree")
    await alice.send("SR5 2AA")
    for typed in ("no thanks", *HOSTILE):
        assert "doesn't look like an email address" in html.unescape(await alice.send(typed))
        assert "No, thank you" in alice.buttons
    await alice.press("No, thank you")
    assert "sounding board" in alice.said[-1]
    assert (await _resident(runtime)).email_to_confirm is None


async def test_stickers_voice_and_photos_get_a_kind_word_at_every_step(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    await alice.command("start")
    presses = ["Yes, I agree", None, "No, thank you", "No, thank you"]
    for press in presses:
        for send in (alice.sticker, alice.photo):
            said = await send()
            assert said.startswith("Thank you")
            assert alice.buttons
        await (alice.press(press) if press else alice.send("SR5 2AA"))
    assert (await _resident(runtime)).status is ResidentStatus.ACTIVE


async def test_what_is_no_answer_to_consent_brings_its_buttons_again_but_not_the_whole_welcome(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    welcome = await alice.command("start")
    said = await alice.send("yes")
    assert "yes or no" in said and "I agree that" in said and len(said) < len(welcome)
    await alice.press("Yes, I agree")
    assert "Where do you live?" in alice.said[-1]


async def test_old_buttons_lead_back_to_the_open_question_and_move_nobody(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    await alice.command("start")
    await alice.press("Yes, I agree")
    await alice.send("SR5 2AA")
    old = ["no", "privacy", "back", "list", "area:1", "ward:2", "notmine", "board:yes"]
    for data in old:
        await alice.tap(f"signup:{data}")
        assert "email once a week" in alice.said[-1]
    await alice.press("No, thank you")
    await alice.press("No, thank you")
    for data in [*old, "email:no", "board:no"]:
        assert "you are signed up" in await alice.tap(f"signup:{data}")
    resident = await _resident(runtime)
    async with runtime.sessions.read() as session:
        assert (await session.get_one(Ward, resident.ward_id)).name == "Southwick"
        assert await cast.held(session, resident.id) == {"surveys/telegram"}


@pytest.mark.parametrize(
    "data", ["signup:", "signup", "signup:nonsense", "signup:area:x", "signup:area:99", "signup:ward:", "signup:ward:99"]
)
async def test_made_up_buttons_get_a_sentence(runtime: Runtime, data: str) -> None:
    alice = await _alice(runtime)
    await alice.command("start")
    await alice.press("Yes, I agree")
    said = await alice.tap(data)
    assert "old message" in said or "choose again" in said


async def test_cancelling_keeps_what_was_said_so_that_start_goes_on(runtime: Runtime) -> None:
    alice = await _alice(runtime)
    await alice.command("start")
    await alice.press("Yes, I agree")
    await alice.send("SR5 2AA")
    assert "/start" in await alice.command("cancel")
    assert "go on where we left off" in await alice.command("start")
    assert "email once a week" in alice.said[-1]


async def test_who_blocked_the_bot_is_back_after_start(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        await cast.alice(session, now=now)
        await reaching.telegram_gone(session, cast.ALICE, now=now)
        session.add(DeadAddress(road=Road.TELEGRAM, address=str(cast.ALICE), reason="403", died_at=now))
    assert "you are signed up" in await Person(runtime, cast.ALICE).command("start")
    assert (await _resident(runtime)).telegram_blocked_at is None
    async with runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(DeadAddress)) == 0


async def test_who_stopped_is_asked_for_consent_anew_and_keeps_ward_and_address(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        alice = await cast.alice(session, now=now)
        await cast.with_email(session, runtime, alice, "alice@example.org", now=now)
        await signup.stop(session, alice, now=now)
    person = Person(runtime, cast.ALICE)
    assert "Welcome back" in await person.command("start")
    assert "Your ward is still <b>Southwick</b>" in await person.press("Yes, I agree")
    assert "alice@example.org" in person.said[-1]
    assert "weekly email comes to alice@example.org" in await person.press("Yes, use my address")
    said = await person.press("Yes, ask me first")
    assert "your ward, <b>Southwick</b>" in said and "/ward" in said
    async with runtime.sessions.read() as session:
        assert await cast.held(session, alice.id) == {"surveys/telegram", "digest/email", "sounding_board/telegram"}


@pytest.mark.parametrize(
    ("number", "told", "button"), [(1, "There is a survey open", "See the survey"), (2, "There are 2 surveys open", "See the surveys")]
)
async def test_who_has_signed_up_hears_how_many_surveys_are_open(
    runtime: Runtime, now: datetime, plan: SurveyPlan, number: int, told: str, button: str
) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        await cast.alice(session, now=now)
        olive = await people.add_officer(session, name="Olive", email="olive@council.example", now=now)
        for place in range(number):
            asked = replace(plan, title=f"{plan.title} {place}", wards=(), areas=())
            await launch.launch(session, (await launch.create(session, asked, officer_id=olive.id, now=now)).id, now=now)
    person = Person(runtime, cast.ALICE)
    assert told in await person.command("start")
    assert button in person.buttons


async def test_a_resident_whose_ward_is_gone_is_asked_and_is_in_again(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        alice = await cast.alice(session, now=now)
        alice.ward_id = alice.ward_source = alice.postcode = None
    person = Person(runtime, cast.ALICE)
    await person.command("start")
    assert "Where do you live?" in person.said[-1]
    assert "Roker" in await person.send("SR6 0NB")
    assert (await _resident(runtime)).status is ResidentStatus.ACTIVE


@pytest.fixture(scope="module")
def quick_runtime() -> Runtime:
    """One city on SQLite for many short sign-ups."""
    folder = Path(tempfile.mkdtemp())
    chosen = settings_module.load(data_dir=folder, secret_key="a-key-for-tests", council_name="Sunderland City Council")
    runtime = app.build_runtime(chosen, ShiftedClock(NOW))

    async def prepare() -> None:
        await upgrade.upgrade(runtime.sessions.engine)
        async with runtime.sessions.write() as session:
            await three_wards(session)
        await runtime.sessions.close()

    asyncio.run(prepare())
    return runtime


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.text(max_size=4096) | st.sampled_from(HOSTILE), st.integers(0, 3))
def test_any_text_at_any_step_leaves_a_way_on(quick_runtime: Runtime, text: str, steps: int) -> None:
    async def story() -> None:
        runtime = app.build_runtime(quick_runtime.settings, ShiftedClock(NOW))
        person = Person(runtime, 4242, text)
        try:
            await person.command("start")
            for step in range(steps):
                await (person.send("SR5 2AA") if step == 1 else person.press("Yes, I agree" if step == 0 else "No, thank you"))
            await person.send(text)
            assert person.said
            assert all(0 < len(message) <= 4096 for message in person.said)
            assert person.buttons
            await person.command("stop")
        finally:
            await runtime.sessions.close()

    asyncio.run(story())
