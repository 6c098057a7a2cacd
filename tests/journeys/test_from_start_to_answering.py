"""A resident: from /start to answering, through a restart, a stray sticker and an update that comes twice."""

import sqlalchemy as sa

from intouch.demo.telegram.person import Person
from intouch.places.models import Ward
from intouch.residents.models import Channel, Consent, Resident, ResidentStatus, Subscription, Topic
from intouch.surveys import closing, file, launch
from intouch.surveys.models import Answer, Response
from tests.faults import failing
from tests.journeys.conftest import House
from tests.journeys.stories import signs_up

UNHEARD_OF = 2**63 - 1
SURVEY = """
title = "Bins in Southwick"
why = "The council may change collection days."
closes = 2026-11-25T18:00:00
audience = { wards = ["E05016391"] }
[[questions]]
text = "Should bins be emptied on Mondays?"
type = "single"
options = ["Yes, Mondays", "No, keep Fridays"]
[[questions]]
text = "How clean is your street?"
type = "scale"
[[questions]]
text = "What else should we know?"
type = "text"
"""


async def launches(house: House, text: str = SURVEY) -> int:
    async with house.runtime.sessions.write() as session:
        plan = file.read_survey(text, filename="bins.toml", zone=house.settings.zone)
        survey = await launch.create(session, plan, now=house.clock.now())
        await launch.launch(session, survey.id, now=house.clock.now())
    house.application.worker.nudge()
    return survey.id


async def test_a_resident_signs_up_and_answers(house: House) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    await launches(house)
    await alice.expects("Should bins be emptied on Mondays?")
    await alice.taps("Yes, Mondays")
    await alice.expects("How clean is your street?")
    await alice.taps("4")
    await alice.expects("What else should we know?")
    await alice.sends("The <b>lid</b> of bin & Co is broken 🗑")
    await alice.expects("Thank you")
    async with house.runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Answer)) == 3
        response = (await session.scalars(sa.select(Response))).one()
        assert response.finished_at is not None


async def test_a_sign_up_goes_on_where_it_was_left_after_a_restart(house: House) -> None:
    alice = house.telegram.person(1001, "Alice")
    await alice.sends("/start")
    await alice.taps("Yes, I agree")
    await alice.expects("Where do you live?")
    await house.restart()
    await alice.sends_something("sticker")
    await alice.expects("Please type your postcode")
    await alice.sends("sr5-2aa")
    await alice.expects("Southwick")
    await alice.sends("/start")
    await alice.expects("an email once a week")
    async with house.runtime.sessions.read() as session:
        residents = list(await session.scalars(sa.select(Resident)))
        assert [resident.status for resident in residents] == [ResidentStatus.DRAFT]
        assert await session.scalar(sa.select(sa.func.count()).select_from(Consent)) == 1


async def test_every_update_delivered_twice_changes_nothing_and_says_nothing_twice(house: House) -> None:
    house.telegram.deliver_twice()
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    await launches(house)
    await alice.expects("Should bins be emptied on Mondays?")
    await alice.taps("Yes, Mondays")
    await alice.expects("How clean is your street?")
    async with house.runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Resident)) == 1
        assert await session.scalar(sa.select(sa.func.count()).select_from(Answer)) == 1
    said = [message.text for message in alice.messages]
    assert len(said) == len(set(said))


async def test_a_refusal_delivered_twice_is_said_once(house: House) -> None:
    house.telegram.deliver_twice()
    mallory = house.telegram.person(6661, "Mallory", has_started=True)
    await mallory.sends("/link no-code")
    await mallory.expects("LINK-")
    await house.telegram.wait_until_heard()
    assert len(mallory.messages) == 1


async def test_a_tap_on_a_closed_survey_is_answered_kindly(house: House) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    survey = await launches(house)
    await alice.expects("Should bins be emptied on Mondays?")
    async with house.runtime.sessions.write() as session:
        await closing.close(session, survey, now=house.clock.now())
    await alice.taps("Yes, Mondays")
    await alice.expects("closed")
    async with house.runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Answer)) == 0


async def _crowd(house: House, size: int) -> list[Person]:
    """Residents of Southwick who signed up long ago."""
    async with house.runtime.sessions.write() as session:
        ward = await session.scalar(sa.select(Ward.id).where(Ward.code == "E05016391"))
        now = house.clock.now()
        for number in range(size):
            who = Resident(status=ResidentStatus.ACTIVE, telegram_id=2000 + number, ward_id=ward, created_at=now, joined_at=now)
            session.add(who)
            await session.flush()
            session.add(Subscription(resident_id=who.id, topic=Topic.SURVEYS, channel=Channel.TELEGRAM, started_at=now))
    return [house.telegram.person(2000 + number, "Alice") for number in range(size)]


async def test_one_bad_tap_among_many_at_once_spoils_none(house: House) -> None:
    *crowd, mallory = await _crowd(house, 21)
    for one in (*crowd, mallory):
        await one.sends("/start")  # before that a bot may not write to anybody
    await launches(house)
    asked = {one.id: await one.expects("Should bins be emptied on Mondays?") for one in (*crowd, mallory)}
    # As a database has it for more than it takes for a number.
    with failing(OverflowError(), when=lambda _, given: str(UNHEARD_OF) in str(given)):
        for one in crowd[:10]:
            one.starts_tap(asked[one.id].data_of("Yes, Mondays"), message=asked[one.id])
        mallory.starts_tap(f"survey:pick:{UNHEARD_OF}:1", message=asked[mallory.id])
        for one in crowd[10:]:
            one.starts_tap(asked[one.id].data_of("No, keep Fridays"), message=asked[one.id])
        for one in crowd:
            await one.expects("How clean is your street?")
        await mallory.expects("Sorry")
    async with house.runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Answer)) == 20


async def test_made_up_buttons_get_a_sentence(house: House) -> None:
    mallory = house.telegram.person(666, "<b>Mallory</b>")
    await signs_up(mallory)
    for data in (
        "nonsense",
        "survey:x:y:z",
        "survey:999:1:1",
        "report:send:999999999999999999999",
        "launch:go:1",
        ":::",
        "signup:ward:7777",
    ):
        before = len(mallory.messages)
        await mallory.taps_data(data, message=mallory.messages[0])
        assert len(mallory.messages) >= before


async def test_whoever_blocks_the_bot_is_left_alone_until_start(house: House) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    alice.blocks_bot()
    await launches(house)
    async with house.runtime.sessions.read() as session:
        assert (await session.scalars(sa.select(Resident))).one()
    alice.unblocks_bot()
    await alice.sends("/start")
    await alice.expects("you are signed up")
