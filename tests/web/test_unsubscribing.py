"""Leaving by the link at the foot of an email, and by a mail program's own button (RFC 8058)."""

import httpx
import pytest
import sqlalchemy as sa

from intouch.privacy import erasure
from intouch.residents import subscriptions
from intouch.residents.models import Subscription, Topic
from intouch.runtime import Runtime


async def _topics(site: Runtime, resident_id: int) -> list[Topic]:
    async with site.sessions.read() as session:
        return [held.topic for held in await subscriptions.active(session, resident_id)]


@pytest.fixture
def link(site: Runtime, grace: int) -> str:
    return f"/unsubscribe/{site.links.token('unsubscribe', grace, 'digest')}"


async def test_a_get_or_a_head_unsubscribes_nobody(client: httpx.AsyncClient, site: Runtime, grace: int, link: str) -> None:
    page = await client.get(link)
    await client.head(link)
    assert page.status_code == 200
    assert "Press the button" in page.text
    assert await _topics(site, grace) == [Topic.DIGEST, Topic.SURVEYS]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
        (
            b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
    ],
)
async def test_one_click_unsubscribes_however_often(
    client: httpx.AsyncClient, site: Runtime, grace: int, link: str, body: bytes, content_type: str
) -> None:
    for _ in range(2):
        answer = await client.post(link, content=body, headers={"Content-Type": content_type}, follow_redirects=False)
        assert (answer.status_code, answer.text) == (200, "Unsubscribed.\n")
        assert "set-cookie" not in answer.headers
    assert await _topics(site, grace) == [Topic.SURVEYS]


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data", "multipart/form-data; boundary=y", "rubbish"])
async def test_a_mail_program_that_labels_its_body_wrongly_unsubscribes_all_the_same(
    client: httpx.AsyncClient, site: Runtime, grace: int, link: str, content_type: str
) -> None:
    answer = await client.post(link, content=b"List-Unsubscribe=One-Click", headers={"Content-Type": content_type})
    assert answer.status_code == 200
    assert await _topics(site, grace) == [Topic.SURVEYS]


async def test_the_button_says_what_ended_and_offers_to_undo_it(client: httpx.AsyncClient, site: Runtime, grace: int, link: str) -> None:
    page = await client.post(link, data={"action": "unsubscribe"})
    assert "You are unsubscribed" in page.text
    assert "the weekly digest" in page.text
    assert await _topics(site, grace) == [Topic.SURVEYS]
    page = await client.post(link, data={"action": "resubscribe"})
    assert "You are subscribed again" in page.text
    assert sorted(await _topics(site, grace)) == [Topic.DIGEST, Topic.SURVEYS]
    async with site.sessions.read() as session:
        ended = await session.scalar(sa.select(sa.func.count()).where(Subscription.ended_at.is_not(None)))
    assert ended == 1


async def test_a_link_that_was_used_says_so_and_offers_the_way_back(
    client: httpx.AsyncClient, site: Runtime, grace: int, link: str
) -> None:
    await client.post(link, data={"action": "unsubscribe"})
    for page in (await client.get(link), await client.post(link, data={"action": "unsubscribe"})):
        assert page.status_code == 200
        assert "<title>You are unsubscribed already" in page.text and "Press the button" not in page.text
        assert "the weekly digest" in page.text and "Subscribe again" in page.text and 'href="/preferences/' in page.text
    assert await _topics(site, grace) == [Topic.SURVEYS]


async def test_who_stopped_everything_comes_back_by_the_preferences_alone(
    client: httpx.AsyncClient, site: Runtime, grace: int, link: str
) -> None:
    await client.post(f"/preferences/{site.links.token('preferences', grace)}", data={"action": "stop"})
    page = await client.get(link)
    assert "You have stopped In Touch" in page.text and "Subscribe again" not in page.text
    page = await client.post(link, data={"action": "resubscribe"})
    assert page.url.path.startswith("/preferences/") and "You have stopped In Touch" in page.text
    assert await _topics(site, grace) == []


async def test_the_page_for_somebody_who_was_erased_says_so(client: httpx.AsyncClient, site: Runtime, grace: int, link: str, now) -> None:  # type: ignore[no-untyped-def]
    async with site.sessions.write() as session:
        await erasure.erase(session, grace, now=now)
    page = await client.get(link)
    assert page.status_code == 404 and "You can sign up again at any time" in page.text


async def test_a_forged_link_changes_nothing(client: httpx.AsyncClient, site: Runtime, grace: int, link: str) -> None:
    foreign = f"/unsubscribe/{site.links.token('preferences', grace, 'digest')}"
    for bad in (link[:-1], foreign):
        assert (await client.post(bad, content=b"List-Unsubscribe=One-Click")).status_code == 404
    assert await _topics(site, grace) == [Topic.DIGEST, Topic.SURVEYS]


async def test_one_click_for_somebody_who_was_erased_is_a_success(
    client: httpx.AsyncClient, site: Runtime, grace: int, link: str, now
) -> None:  # type: ignore[no-untyped-def]
    async with site.sessions.write() as session:
        await erasure.erase(session, grace, now=now)
    assert (await client.post(link, data={"List-Unsubscribe": "One-Click"})).status_code == 200
    page = await client.post(link, data={"action": "unsubscribe"})
    assert page.status_code == 404
    assert "You can sign up again at any time" in page.text
