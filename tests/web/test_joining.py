"""Signing up by email alone, and confirming the address."""

import html

import httpx
import pytest
import sqlalchemy as sa

from intouch.outbox.models import DeadAddress, Delivery, Road
from intouch.residents import email, signup, wards
from intouch.residents.models import Consent, Resident, ResidentStatus, Subscription, Topic
from intouch.runtime import Runtime
from intouch.web import application

FORM = {"email": "Grace@Example.org", "postcode": "sr6 0aa", "board": "yes", "consent": "yes"}


async def _letters(site: Runtime) -> list[Delivery]:
    async with site.sessions.read() as session:
        return list(await session.scalars(sa.select(Delivery).order_by(Delivery.id)))


async def _residents(site: Runtime) -> list[Resident]:
    async with site.sessions.read() as session:
        return list(await session.scalars(sa.select(Resident)))


async def _confirm_url(client: httpx.AsyncClient, site: Runtime) -> str:
    await client.post("/join", data=FORM)
    return str((await _letters(site))[0].payload["values"]["url"])


@pytest.mark.usefixtures("wards")
async def test_a_person_signs_up_and_reads_check_your_email(client: httpx.AsyncClient, site: Runtime) -> None:
    answer = await client.post("/join", data=FORM)
    assert answer.status_code == 200
    assert answer.url.path == "/join/check-your-email"
    assert '<h1 class="govuk-heading-l">Check your email</h1>' in answer.text
    (letter,) = await _letters(site)
    assert (letter.address, letter.payload["template"]) == ("grace@example.org", "confirm_email")
    (resident,) = await _residents(site)
    assert (resident.status, resident.postcode) == (ResidentStatus.DRAFT, "SR60AA")


async def test_a_known_address_gets_the_same_page(client: httpx.AsyncClient, site: Runtime, grace: int) -> None:
    known = await client.post("/join", data=FORM)
    unknown = await client.post("/join", data={**FORM, "email": "other@example.org"})
    assert known.text == unknown.text
    assert known.status_code == unknown.status_code == 200
    assert str(known.url) == str(unknown.url)
    assert (await _residents(site))[0].id == grace


@pytest.mark.usefixtures("wards")
async def test_what_is_missing_is_named_at_the_top_and_at_the_field(client: httpx.AsyncClient, site: Runtime) -> None:
    answer = await client.post("/join", data={"email": "<b>no</b>", "postcode": "ZZ99 9ZZ"})
    assert answer.status_code == 400
    assert "<title>Error: Sign up by email" in answer.text
    assert "There is a problem" in answer.text
    for field in ("email", "postcode", "consent"):
        assert f'href="#{field}"' in answer.text
        assert f'id="{field}-error"' in answer.text
    assert "&lt;b&gt;no&lt;/b&gt;" in answer.text
    assert "<b>no</b>" not in answer.text
    assert await _residents(site) == []


@pytest.mark.usefixtures("wards")
async def test_a_ward_may_be_chosen_instead_of_a_postcode(client: httpx.AsyncClient, site: Runtime) -> None:
    answer = await client.post("/join", data={**FORM, "postcode": "", "ward": "E05016377"})
    assert answer.url.path == "/join/check-your-email"
    (resident,) = await _residents(site)
    assert resident.postcode is None and resident.ward_id is not None


@pytest.mark.usefixtures("wards")
async def test_a_made_up_ward_is_refused_where_it_was_chosen(client: httpx.AsyncClient, site: Runtime) -> None:
    answer = await client.post("/join", data={**FORM, "postcode": "", "ward": "E99"})
    assert answer.status_code == 400
    assert 'href="#postcode"' in answer.text
    assert await _residents(site) == []


@pytest.mark.usefixtures("wards")
async def test_a_scanner_that_opens_the_link_confirms_nothing(client: httpx.AsyncClient, site: Runtime) -> None:
    url = await _confirm_url(client, site)
    for _ in range(2):
        page = await client.get(url)
        await client.head(url)
    assert "grace@example.org" in page.text
    assert "Yes, it is mine" in page.text
    (resident,) = await _residents(site)
    assert (resident.status, resident.email_confirmed_at) == (ResidentStatus.DRAFT, None)


@pytest.mark.usefixtures("wards")
async def test_the_button_confirms_and_a_second_press_is_harmless(client: httpx.AsyncClient, site: Runtime) -> None:
    url = await _confirm_url(client, site)
    pages = [await client.post(url) for _ in range(2)]
    assert [page.status_code for page in pages] == [200, 200]
    assert "<title>You are signed up" in pages[0].text and "<title>Your email address is confirmed already" in pages[1].text
    (resident,) = await _residents(site)
    assert (resident.status, resident.email) == (ResidentStatus.ACTIVE, "grace@example.org")
    async with site.sessions.read() as session:
        topics = list(await session.scalars(sa.select(Subscription.topic)))
        consents = list(await session.scalars(sa.select(Consent.wording)))
    assert sorted(topics) == [Topic.DIGEST, Topic.SOUNDING_BOARD, Topic.SURVEYS]
    assert len(consents) == 1 and consents[0] in (await client.get("/join")).text.replace("&#39;", "'")


@pytest.mark.usefixtures("wards")
async def test_a_link_that_was_used_says_so_and_leads_on(client: httpx.AsyncClient, site: Runtime) -> None:
    url = await _confirm_url(client, site)
    await client.post(url)
    before = await _residents(site)
    page = await client.get(url)
    assert "Your email address is confirmed already" in page.text and "Yes, it is mine" not in page.text
    path = page.text.partition('href="/preferences/')[2].partition('"')[0]
    preferences = f"/preferences/{path}"
    assert "Your preferences" in (await client.get(preferences)).text
    after = await _residents(site)
    assert [(one.email, one.email_confirmed_at, one.status) for one in after] == [
        (one.email, one.email_confirmed_at, one.status) for one in before
    ]
    await client.post(preferences, data={"action": "stop"})
    for page in (await client.get(url), await client.post(url)):
        assert "You have stopped In Touch" in page.text and "signed up" not in page.text
        assert preferences in page.text
    assert (await _residents(site))[0].status is ResidentStatus.STOPPED


@pytest.mark.usefixtures("wards")
async def test_a_used_link_brings_an_address_back_that_letters_did_not_reach(client: httpx.AsyncClient, site: Runtime) -> None:
    url = await _confirm_url(client, site)
    await client.post(url)
    async with site.sessions.write() as session:
        session.add(DeadAddress(road=Road.EMAIL, address="grace@example.org", reason="550", died_at=site.now()))
    assert "Yes, it is mine" in (await client.get(url)).text
    assert "You are signed up" in (await client.post(url)).text
    assert "confirmed already" in (await client.get(url)).text


@pytest.mark.usefixtures("wards")
async def test_the_confirmed_page_leads_to_the_preferences(client: httpx.AsyncClient, site: Runtime) -> None:
    page = await client.post(await _confirm_url(client, site))
    path = page.text.partition('href="/preferences/')[2].partition('"')[0]
    assert "Your preferences" in (await client.get(f"/preferences/{path}")).text


@pytest.mark.usefixtures("wards")
async def test_a_forged_an_old_and_a_foreign_link_say_so(client: httpx.AsyncClient, site: Runtime, clock) -> None:  # type: ignore[no-untyped-def]
    url = await _confirm_url(client, site)
    foreign = f"/confirm/{site.links.token('preferences', 1)}"
    for bad in (url[:-2], f"{url}x", foreign, "/confirm/nonsense", "/confirm/%00", "/confirm/%F0%9F%98%80"):
        page = await client.post(bad)
        assert page.status_code == 404
        assert "isn&#39;t one of ours" in page.text
    clock.set(clock.now().replace(month=12))
    page = await client.get(url)
    assert page.status_code == 410
    assert "This link has run out" in page.text and 'href="/join">Get a new link by email' in page.text


@pytest.mark.usefixtures("wards")
async def test_one_connection_can_not_make_us_write_letters_without_end(client: httpx.AsyncClient, site: Runtime, clock) -> None:  # type: ignore[no-untyped-def]
    for number in range(application.JOINS_PER_ADDRESS):
        await client.post("/join", data={**FORM, "email": f"one{number}@example.org"})
    refused = await client.post("/join", data={**FORM, "email": "more@example.org"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "600")
    assert "Please wait a little" in refused.text
    assert len(await _letters(site)) == application.JOINS_PER_ADDRESS
    clock.set(clock.now() + application.JOINS_WINDOW)
    assert (await client.post("/join", data={**FORM, "email": "more@example.org"})).status_code == 200


@pytest.mark.usefixtures("wards")
async def test_nul_bytes_and_half_characters_are_no_trouble(client: httpx.AsyncClient, site: Runtime) -> None:
    raw = b"email=a%00b%40example.org&postcode=SR6%00+0AA%ED%A0%80&consent=yes"
    answer = await client.post("/join", content=raw, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 200
    assert [letter.address for letter in await _letters(site)] == ["ab@example.org"]


async def _in_telegram(site: Runtime, *, postcode: str = "SR6 0AA", is_asked: bool = False) -> tuple[int, str]:
    """Alice in Telegram, who gave her address, and was asked the last question where told; and the link in her letter."""
    now = site.now()
    async with site.sessions.write() as session:
        alice = await signup.begin(session, telegram_id=1001, first_name="Alice", language="en", now=now)
        signup.agree(session, alice, wording="I agree.", now=now)
        if postcode:
            await wards.by_postcode(session, alice, postcode, on=now.date())
        alice.was_asked_email = True
        if is_asked:
            await signup.answer_board(session, alice, joins=False, now=now)
            await signup.finish(session, alice, now=now)
        await email.ask_confirmation(session, alice, "alice@example.org", links=site.links, now=now)
    return alice.id, str((await _letters(site))[-1].payload["values"]["url"])


def _words(page: httpx.Response) -> str:
    return html.unescape(page.text)


@pytest.mark.usefixtures("wards")
@pytest.mark.parametrize("is_asked", [True, False])
async def test_who_is_in_telegram_reads_that_surveys_come_there(client: httpx.AsyncClient, site: Runtime, is_asked: bool) -> None:
    _, url = await _in_telegram(site, is_asked=is_asked)
    asked = _words(await client.get(url))
    assert "alice@example.org" in asked and "you are signed up" not in asked
    page = _words(await client.post(url))
    assert "You are signed up" in page and "comes to you in Telegram" in page and "the question is in the email" not in page
    (resident,) = await _residents(site)
    assert resident.status is ResidentStatus.ACTIVE
    assert "comes to you in Telegram" in _words(await client.get(url))


@pytest.mark.usefixtures("wards")
async def test_who_has_not_said_where_they_live_reads_what_is_still_missing(client: httpx.AsyncClient, site: Runtime) -> None:
    number, url = await _in_telegram(site, postcode="")
    for page in (_words(await client.post(url)), _words(await client.get(url)), _words(await client.post(url))):
        assert "You are signed up" not in page and "don't have to do anything more" not in page
        assert "Your email address is confirmed" in page
        assert "where you live" in page and "/start" in page and "Telegram" in page
    preferences = _words(await client.get(f"/preferences/{site.links.token('preferences', number)}"))
    assert "not finished signing up" in preferences and "/start" in preferences and "/settings" not in preferences


async def test_who_has_no_telegram_reads_that_questions_are_in_the_email(client: httpx.AsyncClient, site: Runtime, grace: int) -> None:
    page = _words(await client.get(f"/preferences/{site.links.token('preferences', grace)}"))
    assert "not finished signing up" not in page and "Telegram." not in page.partition("Where you live")[0]
