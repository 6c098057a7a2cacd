"""A staging system: SEND_TO names one chat and one address, and nobody else hears from it, whatever they do."""

import pytest
import sqlalchemy as sa

from intouch.outbox.models import Delivery, State
from intouch.residents.models import Resident
from tests.journeys.conftest import House, until
from tests.journeys.stories import signs_up
from tests.journeys.test_from_start_to_answering import launches


@pytest.fixture
def overrides() -> dict[str, str]:
    return {"send_to": "1001, Alice@Example.org"}


async def test_only_who_is_on_the_list_is_heard_and_answered_in_the_chat(house: House) -> None:
    alice, mallory = house.telegram.person(1001, "Alice"), house.telegram.person(1002, "Mallory")
    await mallory.sends("/start")
    await signs_up(alice)
    await house.telegram.wait_until_heard()
    assert mallory.messages == []
    async with house.runtime.sessions.read() as session:
        assert list(await session.scalars(sa.select(Resident.telegram_id))) == [1001]
    await launches(house)
    await alice.expects("Should bins be emptied on Mondays?")


async def test_only_the_address_on_the_list_gets_letters(house: House) -> None:
    for address in ("alice@example.org", "bob@example.org"):
        form = {"email": address, "postcode": "SR6 0AA", "consent": "yes"}
        assert (await house.browser.post("/join", data=form, follow_redirects=True)).status_code == 200
    await house.mailbox.wait_for(to="alice@example.org")

    async def bob_is_put_aside() -> bool:
        async with house.runtime.sessions.read() as session:
            found = await session.scalar(sa.select(Delivery.error).where(Delivery.state == State.CANCELLED))
        return found == "SEND_TO does not name this address"

    await until(bob_is_put_aside, what="the letter to Bob being put aside")
    assert [mail.recipients for mail in house.mailbox.messages] == [("alice@example.org",)]
