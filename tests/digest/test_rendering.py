"""Rendering: what stands in the emails, for nothing, little, much and the worst that people write."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from intouch.channels import mime
from intouch.digest import editions, recipients, rendering, stencil
from intouch.digest.models import Audience, Edition
from intouch.letters import Letter, Letters
from intouch.links import Links
from intouch.outbox.models import Delivery
from intouch.outbox.rendering import Copy, Unwanted
from intouch.places.models import Ward
from intouch.residents import subscriptions
from intouch.residents.models import Channel, Resident, ResidentStatus, Subscription, Topic
from intouch.runtime import Runtime
from intouch.templating import TELEGRAM_TEXT_LIMIT, TelegramMessage, Templates
from tests.digest import cases
from tests.digest.conftest import Town

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
LINKS = Links(b"a-key-for-tests", "https://intouch.example")
DIGESTS = {"empty": cases.EMPTY, "small": cases.SMALL, "ordinary": cases.ORDINARY, "large": cases.LARGE, "hostile": cases.HOSTILE_DIGEST}
BRIEFINGS = {"empty": cases.briefing(), "ordinary": cases.BRIEFING, "hostile": cases.HOSTILE_BRIEFING}


class _Page(HTMLParser):
    """Whether every tag is closed in order, and which tags and links there are."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag not in ("meta", "br", "img"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


@pytest.fixture
def digest_press(templates: Templates) -> rendering.DigestPress:
    return rendering.DigestPress(Letters(templates), LINKS)


@pytest.fixture
def briefing_press(templates: Templates) -> rendering.BriefingPress:
    return rendering.BriefingPress(Letters(templates), templates)


def digest_of(press: rendering.DigestPress, contents: dict[str, Any], name: str = "Grace", resident_id: int = 12) -> Letter:
    return press.letter(press.stencil(contents), resident_id=resident_id, name=name)


def words(html: str) -> str:
    """The HTML without what MJML always writes round it."""
    return re.sub(r"<style.*?</style>|<!--.*?-->", "", html, flags=re.DOTALL)


@pytest.mark.parametrize("case", DIGESTS)
def test_the_digest_reads(case: str, digest_press: rendering.DigestPress, snapshot: SnapshotAssertion) -> None:
    letter = digest_of(digest_press, DIGESTS[case])
    assert (letter.subject, dict(letter.headers), letter.text) == snapshot(name="text")
    assert words(letter.html) == snapshot(name="html")


@pytest.mark.parametrize("case", BRIEFINGS)
def test_the_briefing_reads(case: str, briefing_press: rendering.BriefingPress, snapshot: SnapshotAssertion) -> None:
    letter = briefing_press.letter(BRIEFINGS[case], name="Carl")
    assert (letter.subject, letter.text) == snapshot(name="text")
    assert words(letter.html) == snapshot(name="html")
    assert briefing_press.message(BRIEFINGS[case], name="Carl") == snapshot(name="chat")


@pytest.mark.parametrize("case", [*DIGESTS, *(f"briefing {case}" for case in BRIEFINGS)])
def test_every_letter_is_whole_light_and_follows_nobody(
    case: str, digest_press: rendering.DigestPress, briefing_press: rendering.BriefingPress
) -> None:
    is_digest = case in DIGESTS
    letter = digest_of(digest_press, DIGESTS[case]) if is_digest else briefing_press.letter(BRIEFINGS[case.split()[1]], name="Carl")
    page = _Page(letter.html)
    assert page.tags.count("h1") == 1
    assert not {"script", "img", "link", "form", "iframe"} & set(page.tags)
    assert all(link.startswith("https://") for link in page.links)
    assert len(letter.html.encode()) < 100_000
    assert "49" not in letter.subject and "\n" not in letter.subject
    assert re.search("\ue000[0-9a-f]{8}\\.", letter.html + letter.text) is None


def test_the_digest_leads_on_to_what_does_not_fit(digest_press: rendering.DigestPress) -> None:
    asked = [{**cases.ASKED, "id": number, "title": f"Question number {number}"} for number in range(1, 10)]
    letter = digest_of(digest_press, cases.digest(asked=asked, said=[cases.SAID] * 3, more_said=2))
    for body in (letter.text, letter.html):
        assert all(f"Question number {number}" in body for number in range(1, 10))
        assert "2 more surveys have closed." in body and "https://intouch.example/results" in body
    plain = digest_of(digest_press, cases.digest(asked=asked[:6], said=[cases.SAID] * 3))
    assert "also" not in plain.text and "more surveys" not in plain.text + plain.html
    links = {LINKS.read("answer", token, now=NOW)[0] for token in re.findall(r"/answer/([^\s\"/]+)", letter.text)}
    assert links == set(range(1, 10)), "each can be answered"
    assert "9 questions for you" in letter.text + letter.html


def test_the_briefing_leads_on_to_what_does_not_fit(briefing_press: rendering.BriefingPress) -> None:
    letter = briefing_press.letter(cases.briefing(surveys=[cases.COMPARED], more_closed=2, more_open=1), name="Carl")
    for body in (letter.text, letter.html):
        assert "2 more surveys have closed." in body and "https://intouch.example/results" in body
        assert "One more survey is open." in body


def test_mail_apps_show_beside_the_subject_how_much_is_coming_up_with_what_does_not_fit(digest_press: rendering.DigestPress) -> None:
    assert "51 things coming up" in digest_of(digest_press, cases.LARGE).html


def test_what_an_officer_wrote_on_lines_of_their_own_stays_on_them(
    digest_press: rendering.DigestPress, briefing_press: rendering.BriefingPress
) -> None:
    notices = [{**cases.NOTICE, "text": "Open:\nMondays <9 to 5>\n\nClosed: Tuesdays"}]
    for letter in (
        digest_of(digest_press, cases.digest(notices=notices)),
        briefing_press.letter(cases.briefing(notices=notices), name="Carl"),
    ):
        assert "  Open:\n  Mondays <9 to 5>\n\n  Closed: Tuesdays\n" in letter.text
        assert '<p dir="auto">Open:<br />Mondays &lt;9 to 5&gt;<br /><br />Closed: Tuesdays</p>' in letter.html.replace("\n", "")
        _Page(letter.html)


def test_one_tap_unsubscribes_by_the_header_and_by_the_footer(digest_press: rendering.DigestPress) -> None:
    letter = digest_of(digest_press, cases.SMALL)
    url = letter.headers["List-Unsubscribe"].strip("<>")
    assert LINKS.read("unsubscribe", url.rpartition("/")[2], now=NOW) == [12, "digest"]
    assert letter.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert letter.headers["List-Id"] == "<digest.e05016391.intouch.example>"
    assert url in letter.html and url in letter.text


def test_each_answer_has_its_own_link_in_both_parts(digest_press: rendering.DigestPress) -> None:
    letter = digest_of(digest_press, cases.ORDINARY)
    urls = [url for url in (*_Page(letter.html).links, *re.findall(r"https://\S+", letter.text)) if "/answer/" in url]
    token = LINKS.token("answer", 1, 12)
    assert urls == [f"https://intouch.example/answer/{token}/2/{choice}" for choice in (3, 4)] * 2


def test_two_readers_of_one_edition_differ_only_in_name_and_links(digest_press: rendering.DigestPress) -> None:
    cut = digest_press.stencil(cases.ORDINARY)
    alice = digest_press.letter(cut, resident_id=1, name="Alice")
    mallory = digest_press.letter(cut, resident_id=2, name="<b>Mallory</b>\r\nBcc: x & y")
    assert "Hello Alice," in alice.html and "Hello Alice," in alice.text
    assert "&lt;b&gt;Mallory&lt;/b&gt; Bcc: x &amp; y," in mallory.html
    assert "Hello <b>Mallory</b> Bcc: x & y,\n" in mallory.text
    assert "Hello," in digest_of(digest_press, cases.ORDINARY, name="").text


@given(st.text(), st.text(min_size=1).filter(lambda name: name.split() != []))
def test_whatever_the_words_a_stencil_puts_the_name_where_its_place_is(before: str, name: str) -> None:
    cut = stencil.cut(lambda place: Letter("s", f"{place('name')}|h", f"{before}|{place('name')}"))
    assert cut.fill([stencil.one_line(name.strip())]).text == f"{before}|{' '.join(name.split())}"


def test_the_words_that_html_and_text_share_are_the_same(templates: Templates) -> None:
    for name in ("briefing/step", "briefing/network", "digest/reports"):
        sources = [templates.environment.loader.get_source(templates.environment, f"email/{name}.{kind}")[0] for kind in ("html", "txt")]  # type: ignore[union-attr]
        assert sources[0] == sources[1]


def test_the_briefing_in_the_chat_fits_one_message(briefing_press: rendering.BriefingPress) -> None:
    for contents in BRIEFINGS.values():
        assert len(briefing_press.message(contents, name="Carl").text) < TELEGRAM_TEXT_LIMIT


def test_what_json_keeps_as_text_is_a_date_or_a_moment_again() -> None:
    assert rendering.shown({"starts_on": "2026-11-23", "ends_on": "", "closes_at": "2026-12-05T18:00:00+00:00", "more": "2"}) == {
        "starts_on": datetime(2026, 11, 23, tzinfo=UTC).date(),
        "ends_on": "",
        "closes_at": datetime(2026, 12, 5, 18, tzinfo=UTC),
        "more": "2",
    }


def test_a_survey_of_one_question_that_is_its_title_says_it_once(
    digest_press: rendering.DigestPress, briefing_press: rendering.BriefingPress
) -> None:
    ask = "Should bins be emptied on Mondays?"
    question = {**cases.COMPARED["questions"][0], "text": ask}
    for title in (ask, "Should bins be emptied…"):
        headed = {"title": title, "heading": ask, "is_one": True}
        asked = {**cases.ASKED, **headed, "why": "", "more": 0, "question": {"id": 2, "text": ask}}
        said = {**cases.SAID, **headed, "more": 0, "questions": [{**cases.SAID["questions"][0], "text": ask}]}
        open_text = {**asked, "choices": []}
        parts: list[dict[str, Any]] = [{"asked": [asked]}, {"asked": [open_text]}, {"said": [said]}]
        digests = [digest_of(digest_press, cases.digest(**part)) for part in parts]
        briefed = briefing_press.letter(cases.briefing(surveys=[{**cases.COMPARED, **headed, "questions": [question]}]), name="Carl")
        for letter in (*digests, briefed):
            for body in (letter.text, letter.html):
                assert body.count("Should bins be emptied") == 1 and ask in body


@pytest.mark.parametrize(
    ("made", "fixed", "told"),
    [
        (7, 2, "Residents reported 7 problems in Southwick, and 2 were fixed."),
        (1, 1, "Residents reported 1 problem in Southwick, and 1 was fixed."),
        (1, 0, "Residents reported 1 problem in Southwick. We tell you here what gets fixed."),
        (0, 1, "1 problem was fixed in Southwick."),
        (0, 3, "3 problems were fixed in Southwick."),
    ],
)
def test_what_was_reported_and_fixed_is_told_in_good_words(made: int, fixed: int, told: str, digest_press: rendering.DigestPress) -> None:
    letter = digest_of(digest_press, cases.digest(reports={"made": made, "fixed": fixed, "examples": []}))
    assert told in letter.text and told in letter.html


def test_a_share_is_told_with_how_far_chance_alone_may_move_it(digest_press: rendering.DigestPress) -> None:
    row = {**cases.SAID_ROWS[0], "low": 0.501, "high": 0.814}
    letter = digest_of(digest_press, cases.digest(said=[{**cases.SAID, "questions": [{**cases.SAID["questions"][0], "rows": [row]}]}]))
    for body in (letter.text, letter.html):
        assert "(21 people; likely 50% to 81%)" in body and "chance alone" in body and "chose to take part" in body


def test_what_was_said_on_a_scale_tells_which_end_is_which(
    digest_press: rendering.DigestPress, briefing_press: rendering.BriefingPress
) -> None:
    said = {**cases.SAID["questions"][0], "rows": [{**cases.SAID_ROWS[0], "label": str(step)} for step in range(1, 6)]}
    compared = cases.COMPARED["questions"][0]
    steps = {**compared, "rows": [{**compared["rows"][0], "label": str(step)} for step in range(1, 6)]}
    digest = digest_of(digest_press, cases.digest(said=[{**cases.SAID, "questions": [said]}]))
    briefing = briefing_press.letter(cases.briefing(surveys=[{**cases.COMPARED, "questions": [steps]}]), name="Carl")
    for body in (digest.text, digest.html, briefing.text, briefing.html):
        assert body.count("1 is the lowest, 5 the highest.") == 1
    assert "lowest" not in digest_of(digest_press, cases.ORDINARY).text


async def queued(town: Town, audience: Audience, contents: dict[str, Any]) -> list[Delivery]:
    async with town.runtime.sessions.write() as session:
        ward = await session.get_one(Ward, town.southwick)
        await editions.publish(session, editions.Due(audience, ward, "2026-W47", NOW, NOW), contents, now=NOW)
        return list(await session.scalars(sa.select(Delivery).order_by(Delivery.id)))


async def render(town: Town, deliveries: list[Delivery]) -> list[Any]:
    renderers = rendering.renderers(town.runtime.templates, Letters(town.runtime.templates), town.runtime.links)
    async with town.runtime.sessions.read() as session:
        rendered = await renderers[deliveries[0].kind](session, deliveries)
    return [rendered[delivery.id] for delivery in deliveries]


async def test_a_batch_of_digests_is_rendered_each_for_its_reader(runtime: Runtime, town: Town) -> None:
    for name in ("Alice", "Bob"):
        await town.subscriber(name=name)
    alice, bob = await render(town, await queued(town, Audience.DIGEST, cases.ORDINARY))
    assert " Alice" in alice.words and " Bob" in bob.words
    letters = [mime.whole(one.plate("news@x.example").copy(b"", one.words)) for one in (alice, bob)]
    unsubscribe = [re.findall(rb"\r\nList-Unsubscribe: <(\S+)>\r\n", letter) for letter in letters]
    assert [len(found) for found in unsubscribe] == [1, 1] and unsubscribe[0] != unsubscribe[1]
    assert alice.plate("a@x.example") is bob.plate("a@x.example")


async def test_an_edition_that_is_published_anew_is_engraved_anew(runtime: Runtime, town: Town) -> None:
    await town.subscriber()
    deliveries = await queued(town, Audience.DIGEST, cases.SMALL)
    press = rendering.DigestPress(Letters(runtime.templates), LINKS)

    async def plate() -> Any:
        async with runtime.sessions.read() as session:
            (copy,) = (await press.render(session, deliveries)).values()
        assert isinstance(copy, Copy)
        return copy.plate("a@x.example")

    first = await plate()
    assert await plate() is first
    async with runtime.sessions.write() as session:
        edition = await session.get_one(Edition, deliveries[0].payload["edition"])
        edition.contents, edition.published_at = cases.ORDINARY, NOW + timedelta(hours=1)
    assert await plate() is not first


async def test_whoever_unsubscribed_moved_or_left_after_queuing_is_not_written_to(runtime: Runtime, town: Town) -> None:
    ids = [await town.subscriber() for _ in range(4)]
    deliveries = await queued(town, Audience.DIGEST, cases.ORDINARY)
    async with runtime.sessions.write() as session:
        await subscriptions.unsubscribe(session, ids[0], reason="asked", now=NOW)
        (await session.get_one(Resident, ids[1])).email = "new@mail.example"
    deliveries[2].owner = None  # erased
    rendered = await render(town, deliveries)
    assert [type(one) for one in rendered] == [Unwanted, Unwanted, Unwanted, Copy]


async def test_a_councillor_reads_the_briefing_by_email_and_in_the_chat(runtime: Runtime, town: Town) -> None:
    await town.councillor(telegram_id=4711)
    letter, message = await render(town, await queued(town, Audience.BRIEFING, cases.BRIEFING))
    assert isinstance(letter, Letter) and "Hello Carl," in letter.text
    assert isinstance(message, TelegramMessage) and "SR-7K3M2" in message.text


async def test_a_delivery_whose_edition_is_gone_is_not_wanted(runtime: Runtime, town: Town) -> None:
    await town.subscriber()
    deliveries = await queued(town, Audience.DIGEST, cases.ORDINARY)
    deliveries[0].payload = {}
    assert [type(one) for one in await render(town, deliveries)] == [Unwanted]
    assert deliveries[0].kind == recipients.DIGEST


async def test_the_readers_of_a_batch_are_found_one_by_one_however_many_subscribe(runtime: Runtime) -> None:
    """Each database once walked through every subscription of the council for each batch of 250."""
    people = range(1, 2001)
    resident = {"status": ResidentStatus.ACTIVE, "first_name": "Grace", "created_at": NOW}
    subscription = {"topic": Topic.DIGEST, "channel": Channel.EMAIL, "started_at": NOW}
    async with runtime.sessions.write() as session:
        await session.execute(sa.insert(Resident), [{"id": number, **resident} for number in people])
        await session.execute(sa.insert(Subscription), [{"resident_id": number, **subscription} for number in people])
    async with runtime.sessions.read() as session:
        asked = rendering._SUBSCRIBERS.params(ids=list(range(250))).compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        explain = "EXPLAIN QUERY PLAN" if runtime.sessions.is_sqlite else "EXPLAIN"
        plan = "\n".join(str(row) for row in await session.execute(sa.text(f"{explain} {asked}")))
    by_resident = "resident_id=?" if runtime.sessions.is_sqlite else "Index Cond: ((resident_id = residents.id)"
    assert plan.count("subscriptions") - plan.count("subscriptions_") == 1 and by_resident in plan, plan


BENGALI = "আপনার ওয়ার্ডে রাস্তার কাজ চলছে, তাই বাস অন্য পথে যাবে। "
LONGEST_NOTICE = {**cases.NOTICE, "title": (BENGALI * 9)[:200], "text": (BENGALI * 20)[:400], "url": "https://x.example/" + "a" * 980}


def test_a_digest_in_a_script_of_three_bytes_a_letter_is_not_cut_off(digest_press: rendering.DigestPress) -> None:
    letter = digest_of(digest_press, {**cases.LARGE, "notices": [LONGEST_NOTICE] * 20})
    assert 80_000 < len(letter.html.encode()) < 100_000
    shown = letter.html.count(LONGEST_NOTICE["url"])
    assert 5 <= shown < 20
    assert f"There are {31 + 20 - shown} more notices." in letter.text
    whole = {**LONGEST_NOTICE, "text": (BENGALI * 40)[:2000], "url": ""}
    assert len(digest_of(digest_press, {**cases.LARGE, "notices": [whole] * 20}).html.encode()) < 100_000
    assert "There are 31 more notices." in digest_of(digest_press, cases.LARGE).text


def test_nor_is_a_briefing(briefing_press: rendering.BriefingPress) -> None:
    rows = [{**cases.COMPARED["questions"][0]["rows"][0], "label": (BENGALI * 3)[:100]}] * 10
    closed = {**cases.COMPARED, "questions": [{**cases.COMPARED["questions"][0], "text": BENGALI * 5, "rows": rows}] * 3}
    still_open = {**closed, "is_open": True, "title": BENGALI}
    contents = cases.briefing(surveys=[closed] * 3 + [still_open] * 3, notices=[LONGEST_NOTICE] * 10)
    letter = briefing_press.letter(contents, name="Carl")
    assert len(letter.html.encode()) < 100_000
    assert "more notice" in letter.text
