"""Grace has no Telegram: from the form to a one-tap answer in the digest, and out again."""

from datetime import UTC, datetime

import sqlalchemy as sa

from intouch.residents.models import Subscription, Topic
from intouch.surveys.models import Answer
from tests.journeys.conftest import House
from tests.journeys.stories import joins_by_email, link_to, links_to
from tests.journeys.test_from_start_to_answering import launches

FRIDAY = datetime(2026, 11, 20, 16, 0, 30, tzinfo=UTC)
CITY_SURVEY = """
title = "Parks"
why = "We plan next year's planting."
closes = 2026-12-05T18:00:00
[[questions]]
text = "Do you use your nearest park?"
type = "single"
options = ["Yes", "No"]
"""


async def _answers(house: House) -> int:
    async with house.runtime.sessions.read() as session:
        return await session.scalar(sa.select(sa.func.count()).select_from(Answer)) or 0


async def test_grace_joins_answers_from_her_digest_and_unsubscribes(house: House) -> None:
    await joins_by_email(house, "grace@example.org")
    await launches(house, CITY_SURVEY)
    await house.it_is(FRIDAY)
    digest = await house.mailbox.wait_for(to="grace@example.org", subject="Roker")
    assert "Do you use your nearest park?" in digest.html
    assert digest.headers["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert digest.message_id

    yes, no = links_to("/answer/", digest)[:2]
    for link in (yes, no):  # a scanner opens every link, and that answers nothing
        assert (await house.browser.get(link)).status_code == 200
        assert (await house.browser.head(link)).status_code == 200
    assert await _answers(house) == 0
    assert (await house.browser.post(yes, follow_redirects=True)).status_code == 200
    assert (await house.browser.post(yes, follow_redirects=True)).status_code == 200
    assert await _answers(house) == 1

    unsubscribe = digest.headers["list-unsubscribe"].strip("<>").split(">")[0]
    assert (await house.browser.get(unsubscribe)).status_code == 200
    async with house.runtime.sessions.read() as session:
        assert await session.scalar(_digests_on()) == 1
    posted = await house.browser.post(unsubscribe, data={"List-Unsubscribe": "One-Click"})
    assert posted.status_code == 200
    async with house.runtime.sessions.read() as session:
        assert await session.scalar(_digests_on()) == 0


def _digests_on() -> sa.Select[tuple[int]]:
    is_on = sa.and_(Subscription.topic == Topic.DIGEST, Subscription.ended_at.is_(None))
    return sa.select(sa.func.count()).select_from(Subscription).where(is_on)


async def test_a_scanner_that_opens_the_confirmation_link_confirms_nothing(house: House) -> None:
    form = {"email": "grace@example.org", "postcode": "SR6 0AA", "consent": "yes"}
    await house.browser.post("/join", data=form)
    letter = await house.mailbox.wait_for(to="grace@example.org")
    link = link_to("/confirm/", letter)
    for _ in range(3):
        assert (await house.browser.get(link)).status_code == 200
    async with house.runtime.sessions.read() as session:
        assert await session.scalar(_digests_on()) == 0


async def test_nothing_to_say_is_no_email(house: House) -> None:
    await joins_by_email(house, "grace@example.org")
    await house.it_is(FRIDAY)
    assert [mail.subject for mail in house.mailbox.to("grace@example.org")][1:] == []
