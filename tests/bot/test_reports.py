"""Reporting by chatting: what the resident sends, and what they read."""

from __future__ import annotations

import asyncio
import html
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intouch.bot import reports
from intouch.bot.opening import open_turn
from intouch.bot.turn import Content, Incoming, Reply, Turn
from intouch.errors import InTouchError
from intouch.issues import darkroom, reporting, updating
from intouch.issues.models import IssuePhoto, IssueReport, IssueStatus
from intouch.issues.reporting import Step
from intouch.residents import dialogues
from intouch.residents.models import DialogueKind
from intouch.runtime import Runtime
from tests.issues.cast import CATEGORIES, IN_SOUTHWICK, IN_THE_SEA, NOW, Cast, a_report, picture, seed

NASTY = '<b>bold</b> & <script>x</script> *star* _under_ [l](u) "q" \u202eاقلب 👩‍👩‍👧 {{ 7*7 }} {% raw %}'


# What doesn't depend on the database is tested on one of them: a fresh one for each test takes time.
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class _Tags(HTMLParser):
    """Telegram refuses a message with a tag that it doesn't know or that isn't closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert tag in {"b", "i", "a", "code", "blockquote"}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check_for_telegram(reply: Reply) -> None:
    """What the Bot API refuses, and what of ours can't be shown."""
    for one in (reply, *reply.more):
        message = one.message
        assert message is not None
        tags = _Tags()
        tags.feed(message.text)
        assert tags.open == []
        shown = html.unescape(re.sub(r"<[^>]+>", "", message.text)).strip()
        assert 0 < len(shown.encode("utf-16-le")) // 2 <= 4096
        assert not (message.buttons and (message.location_label or message.clears_keyboard)), "one keyboard a message"
        assert not (one.edits and (message.location_label or message.clears_keyboard)), "an edited message has no keyboard"
        ours = re.sub(r"<blockquote>.*?</blockquote>", "", message.text, flags=re.DOTALL)  # what people wrote may shout
        assert "!" not in html.unescape(ours), "nothing shouts"


@dataclass
class Chat:
    """A resident who chats with the bot: each thing they do runs in a transaction of its own, as the dispatcher has it."""

    runtime: Runtime
    telegram_id: int
    last: Reply = field(default_factory=Reply)
    _update: int = 0

    async def _do(self, content: Content, *, photo: Any = None, **more: Any) -> Reply:
        self._update += 1
        what = Incoming(update_id=self._update, telegram_id=self.telegram_id, first_name="", language="en", content=content, **more)
        async with self.runtime.sessions.write() as session:
            turn = await open_turn(self.runtime, session, what)
            turn.extra.update(photo or {})
            self.last = await _handler(turn)(turn)
        check_for_telegram(self.last)
        return self.last

    async def command(self, name: str, text: str = "") -> str:
        return _text(await self._do(Content.COMMAND, command=name, text=text))

    async def says(self, text: str) -> str:
        return _text(await self._do(Content.TEXT, text=text))

    async def shares(self, longitude: float, latitude: float) -> str:
        return _text(await self._do(Content.LOCATION, longitude=longitude, latitude=latitude))

    async def sends(self, raw: bytes, caption: str = "") -> str:
        try:
            photo: dict[str, Any] = {"clean_photo": await darkroom.clean(raw)}
        except InTouchError as error:
            photo = {"photo_error": error}
        return _text(await self._do(Content.PHOTO, text=caption, photo=photo))

    async def sends_a_sticker(self) -> str:
        return _text(await self._do(Content.OTHER))

    async def taps(self, label: str) -> str:
        return await self.taps_data(self.data_of(label))

    async def taps_data(self, data: str) -> str:
        return _text(await self._do(Content.TAP, data=tuple(data.split(":")), message_id=5))

    def data_of(self, label: str) -> str:
        buttons = [button for one in (self.last, *self.last.more) if one.message for row in one.message.buttons for button in row]
        return next(button.data for button in buttons if label in button.label)

    def asks_for_location(self) -> bool:
        return bool((self.last, *self.last.more)[-1].message.location_label)  # type: ignore[union-attr]

    async def fills(self, upto: Step) -> None:
        """Answer what is asked until ``upto`` is asked."""
        await self.command("report")
        steps = [self.taps("Litter"), self.taps_lazily("without a photo"), self.shares(*IN_SOUTHWICK), self.says("Bottles")]
        for number, step in enumerate(steps):
            if number < list(Step).index(upto):
                await step
            else:
                step.close()

    async def taps_lazily(self, label: str) -> str:
        return await self.taps(label)


def _handler(turn: Turn) -> Any:
    if turn.incoming.content is Content.TAP:
        return reports.tap
    if turn.incoming.content is Content.COMMAND:
        return {"report": reports.report, "myreports": reports.myreports, "cancel": reports.REPORT.cancel, "ask": reports.REPORT.ask}[
            turn.incoming.command
        ]
    return reports.REPORT.hear


def _text(reply: Reply) -> str:
    return "\n--\n".join(one.message.text for one in (reply, *reply.more) if one.message)


@pytest.fixture
async def cast(runtime: Runtime) -> Cast:
    async with runtime.sessions.write() as session:
        return await seed(session)


@pytest.fixture
def alice(runtime: Runtime, cast: Cast) -> Chat:
    return Chat(runtime, 1001)


async def the_report(runtime: Runtime) -> IssueReport:
    async with runtime.sessions.read() as session:
        report: IssueReport | None = await session.scalar(sa.select(IssueReport).order_by(IssueReport.id.desc()).limit(1))
        assert report is not None
        return report


async def number_of_photos(runtime: Runtime) -> int:
    async with runtime.sessions.read() as session:
        return await session.scalar(sa.select(sa.func.count()).select_from(IssuePhoto)) or 0


async def dialogue_of(runtime: Runtime, telegram_id: int) -> DialogueKind | None:
    async with runtime.sessions.read() as session:
        dialogue = await dialogues.current(session, telegram_id)
        return dialogue.kind if dialogue else None


async def test_a_resident_reports_from_the_first_tap_to_the_reference(runtime: Runtime, alice: Chat) -> None:
    assert "What would you like to report?" in await alice.command("report")
    said = await alice.taps("Fly-tipping")
    assert "call 101" in said and "Can you send a photo?" in said and alice.last.edits
    assert "We have kept photo 1 of 3" in await alice.sends(picture())
    said = await alice.taps("No more photos")
    assert "Thank you, we have your photo." in said and "Where is it?" in said and alice.asks_for_location()
    said = await alice.shares(*IN_SOUTHWICK)
    assert "It is in Southwick" in said and "What is wrong?" in said
    said = await alice.says("An old sofa and two bags")
    assert "Please check your report" in said and "Fly-tipping" in said and "Photos: 1" in said and "An old sofa" in said
    said = await alice.taps("Send it")
    report = await the_report(runtime)
    assert report.reference and report.reference in said
    assert "North response team has it now" in said and "What happens next" in said
    assert await dialogue_of(runtime, 1001) is None


async def test_tapping_send_twice_shows_the_same_reference(runtime: Runtime, alice: Chat) -> None:
    await alice.fills(Step.CONFIRM)
    send = alice.data_of("Send it")
    first = await alice.taps_data(send)
    assert await alice.taps_data(send) == first


async def test_without_a_team_the_council_passes_it_on(runtime: Runtime, alice: Chat) -> None:
    await alice.fills(Step.CONFIRM)
    async with runtime.sessions.write() as session:
        await session.execute(sa.text("DELETE FROM response_teams"))
    assert "Sunderland City Council has it now, and passes it on" in await alice.taps("Send it")


@ON_SQLITE
@pytest.mark.parametrize("step", list(Step))
async def test_every_step_survives_a_restart_and_asks_the_same_again(runtime: Runtime, alice: Chat, step: Step) -> None:
    await alice.fills(step)
    question = alice.last.more[-1].message if alice.last.more else alice.last.message
    fresh = Chat(runtime, 1001)
    assert question is not None
    assert (await fresh.command("ask")).splitlines()[0] in question.text


@ON_SQLITE
@pytest.mark.parametrize("step", list(Step))
async def test_a_sticker_at_any_step_is_answered_kindly_and_the_question_asked_again(alice: Chat, step: Step) -> None:
    await alice.fills(step)
    again = await alice.command("ask")
    said = await alice.sends_a_sticker()
    assert said.endswith(again) and len(said) > len(again)


@ON_SQLITE
@pytest.mark.parametrize("step", list(Step))
async def test_a_photo_at_any_step_is_kept(runtime: Runtime, alice: Chat, step: Step) -> None:
    await alice.fills(step)
    assert "We have kept photo 1 of 3" in await alice.sends(picture())
    assert await number_of_photos(runtime) == 1


@ON_SQLITE
@pytest.mark.parametrize("step", list(Step))
async def test_a_location_at_any_step_is_the_place(runtime: Runtime, alice: Chat, step: Step) -> None:
    await alice.fills(step)
    await alice.shares(-1.415, 54.915)
    assert (await the_report(runtime)).longitude == -1.415


async def test_an_album_of_five_keeps_three_and_says_so(runtime: Runtime, alice: Chat) -> None:
    await alice.fills(Step.PHOTO)
    said = [await alice.sends(picture(colour=colour)) for colour in ("red", "green", "blue", "black", "white")]
    assert "photo 3 of 3" in said[2] and "Where is it?" in said[2]
    assert "3 photos are the most" in said[3] and "3 photos are the most" in said[4]
    assert await number_of_photos(runtime) == 3


async def test_the_same_photo_twice_is_kept_once(runtime: Runtime, alice: Chat) -> None:
    await alice.fills(Step.PHOTO)
    await alice.sends(picture())
    said = await alice.sends(picture())
    assert "the same photo as before" in said and "1 of 3" in said
    await alice.sends(picture(colour="blue"))
    assert "2 of 3" in await alice.sends(picture())
    assert await number_of_photos(runtime) == 2


@ON_SQLITE
@pytest.mark.parametrize("raw", [b"", b"no photo", picture()[:-200]])
async def test_a_photo_that_is_none_gets_a_sentence_and_a_way_on(runtime: Runtime, alice: Chat, raw: bytes) -> None:
    await alice.fills(Step.PHOTO)
    said = await alice.sends(raw)
    assert "photo" in said and "Go on without a photo" in str(alice.last)
    assert await number_of_photos(runtime) == 0


async def test_the_caption_of_a_photo_is_the_description(runtime: Runtime, alice: Chat) -> None:
    await alice.fills(Step.PHOTO)
    await alice.sends(picture(), caption=f"Glass {NASTY}")
    await alice.sends(picture(colour="blue"), caption="another caption")
    await alice.taps("No more photos")
    assert "Please check" in await alice.says("12 The Green")
    assert (await the_report(runtime)).description.startswith("Glass <b>")


async def test_words_behind_the_command_begin_the_description(runtime: Runtime, alice: Chat) -> None:
    assert "What would you like to report?" in await alice.command("report", "Broken glass by the swings")
    assert (await the_report(runtime)).description == "Broken glass by the swings"


async def test_a_category_can_be_typed_and_no_photo_said(alice: Chat) -> None:
    await alice.command("report")
    assert "one of the buttons" in await alice.says("a dragon")
    assert "Can you send a photo?" in await alice.says("pothole")
    assert "hoping for a photo" in await alice.says("it is big")
    assert "Where is it?" in await alice.says("Skip")


async def test_a_place_outside_the_council_is_told_and_words_are_a_way_on(alice: Chat) -> None:
    await alice.fills(Step.PLACE)
    said = await alice.shares(*IN_THE_SEA)
    assert "isn't in the area of Sunderland City Council" in said and "in words" in said and alice.asks_for_location()
    assert "What is wrong?" in await alice.says("By the lighthouse, SR5 1AE")


@ON_SQLITE
@pytest.mark.parametrize("step", list(Step))
async def test_a_message_of_4096_characters_is_answered_and_changes_nothing(runtime: Runtime, alice: Chat, step: Step) -> None:
    await alice.fills(step)
    before = await the_report(runtime)
    said = await alice.says("&" * 4096)
    after = await the_report(runtime)
    assert (before.place, before.description, before.category) == (after.place, after.description, after.category)
    if step in (Step.PLACE, Step.DESCRIPTION):
        assert "4,096 characters long" in said and "still above" in said


async def test_what_people_write_is_shown_as_they_wrote_it_everywhere(runtime: Runtime, alice: Chat) -> None:
    await alice.fills(Step.PLACE)
    await alice.says(NASTY)
    said = await alice.says(NASTY)
    assert said.count("&lt;b&gt;bold&lt;/b&gt; &amp; &lt;script&gt;") == 2 and "\u202e" not in said and "{{ 7*7 }}" in html.unescape(said)
    await alice.taps("Send it")
    assert "&lt;script&gt;" in await alice.taps("See my report")


async def test_the_longest_report_still_fits_into_a_message(alice: Chat) -> None:
    await alice.fills(Step.PLACE)
    await alice.says("🕳" * reporting.LONGEST_PLACE)
    assert "Please check" in await alice.says("🕳" * reporting.LONGEST_DESCRIPTION)
    await alice.taps("Send it")
    await alice.taps("See my report")


@ON_SQLITE
@pytest.mark.parametrize(
    ("button", "question", "answer"),
    [
        ("Change what", "What would you like", "Graffiti"),
        ("Change where", "Where is it?", "High Street"),
        ("Change words", "What is wrong?", "Tins"),
    ],
)
async def test_every_part_can_be_changed_before_it_is_sent(alice: Chat, button: str, question: str, answer: str) -> None:
    await alice.fills(Step.CONFIRM)
    assert question in await alice.taps(button)
    said = await alice.says(answer)
    assert "Please check your report" in said and answer in said


async def test_photos_can_be_changed_before_it_is_sent(runtime: Runtime, alice: Chat) -> None:
    await alice.fills(Step.CONFIRM)
    await alice.taps("Change photos")
    await alice.sends(picture())
    await alice.taps("No more photos")
    assert "Another photo?" in await alice.taps("Change photos")
    assert "Can you send a photo?" in await alice.taps("Remove the photos")
    assert "Photos: none" in await alice.taps("without a photo")


async def test_who_has_three_photos_is_asked_for_no_fourth(alice: Chat) -> None:
    await alice.fills(Step.CONFIRM)
    await alice.taps("Change photos")
    for colour in ("red", "green", "blue"):
        await alice.sends(picture(colour=colour))
    said = await alice.taps("Change photos")
    assert "Another photo?" not in said and "3 photos, which is the most" in said
    assert "Can you send a photo?" in await alice.taps("Remove the photos")


async def test_a_second_report_offers_to_go_on_or_begin_anew(runtime: Runtime, alice: Chat) -> None:
    await alice.fills(Step.PLACE)
    said = await alice.command("report")
    assert "Wednesday 18 November" in said and "Litter" in said
    assert "Where is it?" in await alice.taps("Go on with it")
    await alice.command("report")
    assert "What would you like to report?" in await alice.taps("Begin a new one")
    async with runtime.sessions.read() as session:
        assert list(await session.scalars(sa.select(IssueReport.status).order_by(IssueReport.id))) == [
            IssueStatus.CANCELLED,
            IssueStatus.DRAFT,
        ]


async def test_a_draft_with_nothing_in_it_is_simply_asked_again(alice: Chat) -> None:
    await alice.command("report")
    assert "What would you like to report?" in await alice.command("report")


async def test_cancel_puts_the_report_away(runtime: Runtime, alice: Chat) -> None:
    await alice.fills(Step.DESCRIPTION)
    assert "put that report away" in await alice.command("cancel")
    assert (await the_report(runtime)).status is IssueStatus.CANCELLED
    assert await dialogue_of(runtime, 1001) is None


async def test_a_slip_on_throw_it_away_can_be_taken_back(alice: Chat) -> None:
    await alice.fills(Step.CONFIRM)
    await alice.taps("Throw it away")
    assert "Please check your report" in await alice.taps("Take it back")


async def test_a_tap_brings_the_attention_back_to_the_report(runtime: Runtime, alice: Chat) -> None:
    await alice.fills(Step.PHOTO)
    async with runtime.sessions.write() as session:
        await dialogues.begin(session, 1001, DialogueKind.SURVEY, None, now=NOW)
    await alice.taps("without a photo")
    assert await dialogue_of(runtime, 1001) is DialogueKind.REPORT


async def test_a_dialogue_whose_report_is_gone_says_so(runtime: Runtime, alice: Chat) -> None:
    await alice.fills(Step.PHOTO)
    async with runtime.sessions.write() as session:
        await session.execute(sa.delete(IssueReport))
    assert "no report open" in await alice.says("hello")
    assert await dialogue_of(runtime, 1001) is None


async def test_my_reports_shows_the_newest_first_and_the_history_of_each(runtime: Runtime, alice: Chat, cast: Cast) -> None:
    assert "haven't reported anything" in await alice.command("myreports")
    async with runtime.sessions.write() as session:
        made = [await a_report(session, cast.alice, now=NOW) for _ in range(10)]
        await a_report(session, cast.bob)
        reference = made[-1].reference or ""
        for status, note in (("in_progress", NASTY), ("fixed", "Swept")):
            what = {"status": IssueStatus(status), "note": note, "now": NOW, "templates": runtime.templates, "categories": CATEGORIES}
            await updating.update(session, reference, **what)
    assert "Tap one" in await alice.command("myreports")
    labels = [row[0].label for row in alice.last.message.buttons]  # type: ignore[union-attr]
    assert labels[0] == f"{reference} · Litter · Fixed" and labels[1].endswith("Reported") and len(labels) == 9
    said = await alice.taps(reference)
    assert said.index("Reported") < said.index("Being worked on") < said.rindex("Fixed") and "&lt;script&gt;" in said
    await alice.taps("All my reports")
    await alice.taps("Older ones")
    assert len(alice.last.message.buttons) == 3  # type: ignore[union-attr]
    await alice.taps("Newer ones")


async def test_what_was_never_sent_is_not_among_my_reports(alice: Chat) -> None:
    await alice.fills(Step.CONFIRM)
    await alice.command("cancel")
    await alice.fills(Step.PHOTO)
    assert "One report isn't sent yet" in await alice.command("myreports")
    assert [row[0].label for row in alice.last.message.buttons] == ["Go on with it"]  # type: ignore[union-attr]
    assert "Can you send a photo?" in await alice.taps("Go on with it")


async def test_a_history_of_many_long_notes_still_fits_into_a_message(runtime: Runtime, alice: Chat, cast: Cast) -> None:
    async with runtime.sessions.write() as session:
        report = await a_report(session, cast.alice)
        for number in range(12):
            what: dict[str, Any] = {"status": IssueStatus.IN_PROGRESS, "note": f"{number}" + "🕳" * 990, "now": NOW}
            await updating.update(session, report.reference or "", templates=runtime.templates, categories=CATEGORIES, **what)
    assert "🕳" in await alice.taps_data(f"report:see:{report.id}")


MADE_UP = (
    "report", "report:", "report:fly", "report:is", "report:is:x:litter", "report:is:1", "report:send", "report:send:0", "report:send:-1",
    "report:send:99999999999999999999999", "report:see:99999999999999999999999", "report:see:{id}", "report:change:{id}:confirm",
    "report:change:{id}:x", "report:photos:{id}:x", "report:is:{id}:dragon", "report:drop:99", "report:continue:", "report:anew:1e9",
    "report:mine:x", "report:mine:99999999999999999999999", "report:mine:-1", "report:send:{id}",
)  # fmt: skip


async def test_made_up_buttons_get_a_sentence(runtime: Runtime, alice: Chat) -> None:
    await alice.command("report")
    number = (await the_report(runtime)).id
    for data in MADE_UP:
        with pytest.raises(InTouchError):
            await alice.taps_data(data.format(id=number))
    assert "haven't reported" in await alice.taps_data(f"report:mine:{2**63 - 1}")


async def test_nobody_opens_or_sends_the_report_of_somebody_else(runtime: Runtime, alice: Chat) -> None:
    await alice.fills(Step.CONFIRM)
    bob = Chat(runtime, 1002)
    report = await the_report(runtime)
    for data in (
        "report:send:{}",
        "report:drop:{}",
        "report:is:{}:litter",
        "report:continue:{}",
        "report:see:{}",
        "report:photos:{}:clear",
    ):
        with pytest.raises(InTouchError, match="can't find that report"):
            await bob.taps_data(data.format(report.id))
    assert (await the_report(runtime)).status is IssueStatus.DRAFT


async def test_old_buttons_of_a_sent_report_say_its_reference(runtime: Runtime, alice: Chat) -> None:
    await alice.fills(Step.CONFIRM)
    change = alice.data_of("Change where")
    await alice.taps("Send it")
    with pytest.raises(InTouchError, match=(await the_report(runtime)).reference):
        await alice.taps_data(change)


async def test_two_sends_at_the_same_moment_give_one_reference(runtime: Runtime, alice: Chat) -> None:
    await alice.fills(Step.CONFIRM)
    send, twin = alice.data_of("Send it"), Chat(runtime, 1001)
    first, second = await asyncio.gather(alice.taps_data(send), twin.taps_data(send))
    assert first == second


@ON_SQLITE
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(st.one_of(st.text(st.characters(codec=None), max_size=50), st.sampled_from(["pothole", "skip", NASTY, "\x00"])), max_size=6)
)
async def test_any_words_at_any_step_are_answered(runtime: Runtime, alice: Chat, said: list[str]) -> None:
    await alice.command("report")
    for words in said:
        if (await alice.says(words)).count("no report open"):
            await alice.command("report")
    await alice.command("cancel")


@pytest.mark.parametrize("data", ["report:see:99", "report:send:99"])
async def test_the_council_speaks_of_itself_as_we(alice: Chat, data: str) -> None:
    with pytest.raises(InTouchError, match="We can't find that report"):
        await alice.taps_data(data)
