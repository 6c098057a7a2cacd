"""Seeing and changing what one gets, from the link in an email."""

import json

import httpx
import pytest
import sqlalchemy as sa

from intouch.outbox.models import DeadAddress, Delivery, Road
from intouch.residents import finding, reaching, signup, subscriptions
from intouch.residents.models import Channel, Resident, ResidentStatus, Topic
from intouch.runtime import Runtime


@pytest.fixture
def link(site: Runtime, grace: int) -> str:
    return f"/preferences/{site.links.token('preferences', grace)}"


async def _topics(site: Runtime, resident_id: int) -> list[Topic]:
    async with site.sessions.read() as session:
        return sorted(held.topic for held in await subscriptions.active(session, resident_id))


async def _grace(site: Runtime, resident_id: int) -> Resident:
    async with site.sessions.read() as session:
        return await finding.resident(session, resident_id)


async def test_the_page_shows_what_comes_by_email_and_which_ward(client: httpx.AsyncClient, link: str) -> None:
    page = await client.get(link)
    assert page.status_code == 200
    assert 'id="digest" name="topic" type="checkbox" value="digest" checked' in page.text
    assert 'id="surveys" name="topic" type="checkbox" value="surveys" checked' in page.text
    assert 'id="sounding_board" name="topic" type="checkbox" value="sounding_board" aria' in page.text
    assert "<strong>Roker</strong>" in page.text


async def test_topics_are_set_to_exactly_what_was_ticked(client: httpx.AsyncClient, site: Runtime, grace: int, link: str) -> None:
    page = await client.post(link, data={"action": "topics", "topic": ["surveys", "sounding_board", "made_up"]})
    assert "We have changed what comes by email" in page.text
    assert await _topics(site, grace) == [Topic.SOUNDING_BOARD, Topic.SURVEYS]
    await client.post(link, data={"action": "topics"})
    assert await _topics(site, grace) == []


async def test_a_new_postcode_moves_the_person_to_its_ward(
    client: httpx.AsyncClient, site: Runtime, grace: int, link: str, wards: tuple[int, int]
) -> None:
    page = await client.post(link, data={"action": "ward", "postcode": "SR5 1AA"})
    assert "Your ward is now Fulwell" in page.text
    assert (await _grace(site, grace)).ward_id == wards[1]


async def test_a_ward_may_be_chosen_instead(
    client: httpx.AsyncClient, site: Runtime, grace: int, link: str, wards: tuple[int, int]
) -> None:
    page = await client.post(link, data={"action": "ward", "postcode": "", "ward": "E05016377"})
    assert "Your ward is now Fulwell" in page.text
    assert ((await _grace(site, grace)).ward_id, (await _grace(site, grace)).postcode) == (wards[1], None)
    page = await client.post(link, data={"action": "ward", "ward": "E99"})
    assert page.status_code == 400
    assert (await _grace(site, grace)).ward_id == wards[1]


@pytest.mark.parametrize("typed", ["", "nonsense", "ZZ9 9ZZ", "<script>"])
async def test_a_postcode_that_is_none_changes_nothing(
    client: httpx.AsyncClient, site: Runtime, grace: int, link: str, wards: tuple[int, int], typed: str
) -> None:
    page = await client.post(link, data={"action": "ward", "postcode": typed})
    assert page.status_code == 400
    assert 'href="#postcode"' in page.text
    assert "<script>" not in page.text
    assert (await _grace(site, grace)).ward_id == wards[0]


async def test_stopping_ends_everything_and_the_page_says_how_to_come_back(
    client: httpx.AsyncClient, site: Runtime, grace: int, link: str
) -> None:
    for _ in range(2):
        page = await client.post(link, data={"action": "stop"})
        assert "Nothing more is sent to you" in page.text
    assert await _topics(site, grace) == []
    assert (await _grace(site, grace)).status is ResidentStatus.STOPPED
    await client.post(link, data={"action": "topics", "topic": "digest"})
    assert await _topics(site, grace) == [Topic.DIGEST]
    assert (await _grace(site, grace)).consented_at is not None


async def test_everything_held_comes_as_a_file_and_only_to_a_post(client: httpx.AsyncClient, link: str) -> None:
    assert "application/json" not in (await client.get(link)).headers["Content-Type"]
    answer = await client.post(link, data={"action": "download"})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="in-touch-my-data.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert "grace@example.org" in json.dumps(answer.json())


async def test_erasing_asks_twice_and_then_really_erases(client: httpx.AsyncClient, site: Runtime, grace: int, link: str) -> None:
    page = await client.post(link, data={"action": "erase"})
    assert "You can't undo this" in page.text
    assert (await _grace(site, grace)).email == "grace@example.org"
    page = await client.post(link, data={"action": "erase_for_good"})
    assert "Everything is erased" in page.text
    for gone in (await client.get(link), await client.post(link, data={"action": "erase_for_good"})):
        assert gone.status_code == 404
        assert "You can sign up again at any time" in gone.text


@pytest.mark.parametrize("action", ["", "made_up", "erase_for_goo"])
async def test_a_button_that_does_not_exist_changes_nothing(
    client: httpx.AsyncClient, site: Runtime, grace: int, link: str, action: str
) -> None:
    page = await client.post(link, data={"action": action})
    assert "Your preferences" in page.text
    assert await _topics(site, grace) == [Topic.DIGEST, Topic.SURVEYS]


async def test_whoever_uses_telegram_changes_surveys_there(client: httpx.AsyncClient, site: Runtime, grace: int, link: str, now) -> None:  # type: ignore[no-untyped-def]
    async with site.sessions.write() as session:
        resident = await finding.resident(session, grace, lock=True)
        resident.telegram_id = 77
        await subscriptions.unsubscribe(session, grace, topic=Topic.SURVEYS, reason="test", now=now)
        await subscriptions.subscribe(session, grace, topic=Topic.SURVEYS, channel=Channel.TELEGRAM, now=now)
    page = await client.get(link)
    assert "send /settings to the bot" in page.text
    assert 'value="surveys"' not in page.text
    await client.post(link, data={"action": "topics"})
    assert await _topics(site, grace) == [Topic.SURVEYS]


async def test_mallory_opens_nobodys_preferences(client: httpx.AsyncClient, site: Runtime, grace: int, link: str) -> None:
    for bad in (link[:-1], link + "A", f"/preferences/{site.links.token('unsubscribe', grace)}", f"/preferences/{grace}"):
        for answer in (await client.get(bad), await client.post(bad, data={"action": "erase_for_good"})):
            assert answer.status_code == 404
    assert (await _grace(site, grace)).email == "grace@example.org"


@pytest.mark.usefixtures("wards")
async def test_who_only_had_the_ward_to_say_is_in_once_they_say_it_here(client: httpx.AsyncClient, site: Runtime) -> None:
    now = site.now()
    async with site.sessions.write() as session:
        alice = await signup.begin(session, telegram_id=1001, first_name="Alice", language="en", now=now)
        signup.agree(session, alice, wording="I agree.", now=now)
        alice.was_asked_email, alice.email, alice.email_confirmed_at = True, "alice@example.org", now
    await client.post(f"/preferences/{site.links.token('preferences', alice.id)}", data={"action": "ward", "postcode": "SR6 0AA"})
    assert (await _grace(site, alice.id)).status is ResidentStatus.ACTIVE


async def _dies(site: Runtime) -> None:
    async with site.sessions.write() as session:
        session.add(DeadAddress(road=Road.EMAIL, address="grace@example.org", reason="550", died_at=site.now()))
        await reaching.email_gone(session, "grace@example.org", now=site.now())


async def test_choosing_what_comes_to_a_dead_address_sends_a_letter_to_prove_it_first(
    client: httpx.AsyncClient, site: Runtime, grace: int, link: str
) -> None:
    await _dies(site)
    assert "Our emails to you came back" in (await client.get(link)).text
    page = await client.post(link, data={"action": "topics", "topic": ["digest", "surveys"]})
    assert "We have sent you an email" in page.text and "We have changed" not in page.text
    assert await _topics(site, grace) == []
    async with site.sessions.read() as session:
        (letter,) = await session.scalars(sa.select(Delivery))
    await client.post(letter.payload["values"]["url"])
    assert Topic.DIGEST in await _topics(site, grace)
    await client.post(link, data={"action": "topics", "topic": ["digest", "surveys"]})
    assert await _topics(site, grace) == [Topic.DIGEST, Topic.SURVEYS]


async def test_asking_a_dead_address_too_often_says_so(client: httpx.AsyncClient, site: Runtime, grace: int, link: str) -> None:
    await _dies(site)
    for _ in range(3):
        assert "We have sent you an email" in (await client.post(link, data={"action": "topics", "topic": "digest"})).text
    page = await client.post(link, data={"action": "topics", "topic": "digest"})
    assert page.status_code == 400 and "spam folder" in page.text and await _topics(site, grace) == []


async def test_undoing_an_unsubscription_of_a_dead_address_leads_to_the_preferences(
    client: httpx.AsyncClient, site: Runtime, grace: int
) -> None:
    await _dies(site)
    page = await client.post(f"/unsubscribe/{site.links.token('unsubscribe', grace, 'digest')}", data={"action": "resubscribe"})
    assert "Your preferences" in page.text and "Our emails to you came back" in page.text
    assert await _topics(site, grace) == []


async def test_who_took_their_address_back_gets_nothing_by_email(client: httpx.AsyncClient, site: Runtime, grace: int, link: str) -> None:
    async with site.sessions.write() as session:
        resident = await finding.resident(session, grace, lock=True)
        resident.telegram_id, resident.email, resident.email_confirmed_at = 77, None, None
    page = await client.post(link, data={"action": "topics", "topic": "digest"})
    assert page.status_code == 400 and "no email address for you" in page.text
