"""Tidying: a link works with what a mail program, a sentence or a hand has left behind it."""

from __future__ import annotations

import httpx
import pytest

from intouch.residents import subscriptions
from intouch.residents.models import Topic
from intouch.runtime import Runtime
from intouch.web import application
from tests.conftest import ON_ONE_DATABASE

pytestmark = ON_ONE_DATABASE

LEFT_BEHIND = [".", ",", ")", ").", "%3E", "%22", "=", "%3D%0D%0A", "%20", "%E2%80%9D", "%E2%80%8B", "&amp;", "&", ";", "/", "//"]


@pytest.mark.parametrize("behind", LEFT_BEHIND)
async def test_one_tap_ends_what_it_should_whatever_stands_behind_the_link(
    client: httpx.AsyncClient, site: Runtime, grace: int, behind: str
) -> None:
    link = f"/unsubscribe/{site.links.token('unsubscribe', grace, 'digest')}{behind}"
    assert "Press the button" in (await client.get(link, follow_redirects=False)).text
    answer = await client.post(link, data={"List-Unsubscribe": "One-Click"}, follow_redirects=False)
    assert (answer.status_code, answer.text) == (200, "Unsubscribed.\n")
    async with site.sessions.read() as session:
        assert [held.topic for held in await subscriptions.active(session, grace)] == [Topic.SURVEYS]


@pytest.mark.parametrize("behind", ["x", "A", "-", "_", ".x"])
async def test_a_link_that_was_changed_is_none_of_ours(client: httpx.AsyncClient, site: Runtime, grace: int, behind: str) -> None:
    answer = await client.post(f"/unsubscribe/{site.links.token('unsubscribe', grace, 'digest')}{behind}")
    assert answer.status_code == 404
    assert "part of it is missing" in answer.text


async def test_a_slash_behind_an_address_sends_nobody_away(runtime: Runtime) -> None:
    """Where PUBLIC_URL has a path, only the proxy before us knows it."""
    runtime.links.public_url = "https://council.example/in-touch"
    transport = httpx.ASGITransport(application.create(runtime))
    async with httpx.AsyncClient(verify=False, transport=transport, base_url="http://test") as client:
        for path in ("/join/", "/results/", "/privacy//", "/health/live/"):
            assert (await client.get(path)).status_code == 200
        for path in ("/nowhere/", "/static", "/static/"):
            assert (await client.get(path)).status_code == 404
