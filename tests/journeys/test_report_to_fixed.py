"""A report: from a photo to "fixed", and the update that Alice reads."""

import re

from intouch.demo.telegram.person import Person
from intouch.issues import categories, updating
from intouch.issues.models import IssueStatus
from tests.journeys.conftest import House
from tests.journeys.stories import photo, signs_up


async def _begins_report(person: Person, category: str) -> None:
    await person.sends("/report")
    asked = await person.expects("What would you like to report?")
    await person.taps(next(label for label in asked.buttons if category in label))
    await person.expects("Can you send a photo?")


async def test_a_pothole_is_reported_with_a_photo_and_fixed(house: House) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    await _begins_report(alice, "othole")
    await alice.sends_photo(photo())
    await alice.expects("photo 1 of 3")
    await alice.taps("No more photos")
    await alice.expects("Where is it?")
    await alice.shares_location(-1.405, 54.925)
    await alice.expects("Southwick")
    await alice.sends("A deep hole in front of number 4")
    await alice.expects("Please check your report")
    await alice.taps("Send it to the council")
    sent = await alice.expects("North response team has it now")
    found = re.search(r"SR-[0-9A-Z]{5}", sent.text)
    assert found is not None
    reference = found.group()
    async with house.runtime.sessions.write() as session:
        await updating.update(
            session,
            reference.lower(),
            status=IssueStatus.FIXED,
            note="Filled on Tuesday.",
            templates=house.runtime.templates,
            categories=categories.load(None),
            now=house.clock.now(),
        )
    house.application.worker.nudge()
    told = await alice.expects("is fixed")
    assert "Filled on Tuesday." in told.text
    await alice.sends("/myreports")
    await alice.expects("What you reported")


async def test_a_photo_that_is_none_gets_a_sentence_and_the_report_goes_on(house: House) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    await alice.sends("/report")
    asked = await alice.expects("What would you like to report?")
    await alice.taps(asked.buttons[0])
    await alice.expects("Can you send a photo?")
    await alice.sends_photo(b"GIF89a this is no picture")
    await alice.expects("photo")
    await alice.taps("Go on without a photo")
    await alice.expects("Where is it?")


async def test_a_large_picture_is_waited_for_with_a_word(house: House) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    await _begins_report(alice, "itter")
    await alice.sends_document(photo(2400, 1800, "PNG"), filename="screen.png", content_type="image/png")
    await alice.expects("One moment, please")
    await alice.expects("photo 1 of 3")
    house.telegram.fail_next("sendMessage", code=500, description="Internal Server Error")  # the word is lost, the picture is not
    await alice.sends_photo(photo(2500, 1800, "PNG"))
    await alice.expects("photo 2 of 3")
