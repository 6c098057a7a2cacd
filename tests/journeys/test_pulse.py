"""A pulse: from /launch to the ward's result, and the briefing that Carl reads."""

from datetime import UTC, datetime

import sqlalchemy as sa

from intouch.council import linking
from intouch.demo.telegram.person import Person
from intouch.surveys.models import Survey, SurveyStatus
from tests.journeys.conftest import House
from tests.journeys.stories import signs_up

AFTER_CLOSING = datetime(2026, 11, 21, 18, 5, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 8, 1, tzinfo=UTC)
NEIGHBOURS = 9


async def _links(house: House, telegram_id: int, name: str, **whom: int) -> Person:
    person = house.telegram.person(telegram_id, name)
    async with house.runtime.sessions.write() as session:
        code = await linking.issue_code(session, now=house.clock.now(), **whom)
    await person.sends(code)
    await person.expects("Your Telegram is linked")
    return person


async def _launches(olive: Person) -> None:
    await olive.sends("/launch")
    await olive.expects("What do you want to ask?")
    await olive.sends("Should bins be emptied on Mondays?")
    await olive.expects("How can people answer?")
    await olive.taps("Yes / No")
    await olive.expects("Who do you want to ask?")
    await olive.taps("The whole city")
    await olive.expects("How long should it stay open?")
    await olive.taps("3 days")
    preview = await olive.expects("It will reach")
    assert f"{NEIGHBOURS} people" in preview.text
    launch = preview.data_of("Launch")
    await olive.taps_data(launch, message=preview)
    await olive.expects("is launched")
    await olive.taps_data(launch, message=preview)  # once more, and nobody is asked twice


async def test_a_pulse_from_launch_to_the_briefing(house: House) -> None:
    neighbours = [house.telegram.person(2000 + number, f"Neighbour {number}") for number in range(NEIGHBOURS)]
    for neighbour in neighbours:
        await signs_up(neighbour)
    olive = await _links(house, 900, "Olive", officer_id=1)
    carl = await _links(house, 901, "Carl", councillor_id=1)
    await _launches(olive)
    for number, neighbour in enumerate(neighbours):
        await neighbour.expects("Should bins be emptied on Mondays?")
        await neighbour.taps("Yes" if number < 9 else "No")
        await neighbour.expects("Thank you")
    async with house.runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Survey)) == 1

    await house.it_is(AFTER_CLOSING)
    for neighbour in neighbours:
        told = await neighbour.expects("What people said", timeout=30)
        assert "Southwick" in told.text
        assert "9 of 9 people asked took part" in told.text
    async with house.runtime.sessions.read() as session:
        assert await session.scalar(sa.select(Survey.status)) is SurveyStatus.PUBLISHED
    page = await house.browser.get("/results/1")
    assert "Should bins be emptied on Mondays?" in page.text

    await house.it_is(MONDAY)
    briefing = await house.mailbox.wait_for(to="carl@council.example", timeout=30)
    assert "Should bins be emptied on Mondays?" in briefing.text
    assert "Southwick" in briefing.html
    await carl.sends("/brief")
    await carl.expects("Your week in Southwick")
    await olive.sends("/results")
    await olive.expects("9 of 9 answered")


async def test_only_officers_launch(house: House) -> None:
    mallory = house.telegram.person(666, "Mallory")
    await signs_up(mallory)
    await mallory.sends("/launch")
    await mallory.expects("for council officers")
    await mallory.sends("LINK-AAAA-AAAA")
    await mallory.expects("code")
