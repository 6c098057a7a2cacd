"""The routes as a person meets them: /cancel, /help and commands for somebody else, each turn a transaction of its own."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest
import sqlalchemy as sa

from intouch.bot import application
from intouch.bot.opening import open_turn
from intouch.bot.turn import Content, Incoming, Reply
from intouch.clock import ShiftedClock
from intouch.council import linking, people
from intouch.council.models import Councillor, Officer
from intouch.errors import BadInput, Closed, NotFound
from intouch.issues.models import IssueReport
from intouch.residents import dialogues, housekeeping
from intouch.residents.models import DialogueKind, Resident, ResidentStatus
from intouch.runtime import Runtime
from intouch.surveys import launch
from intouch.surveys.models import Survey
from intouch.surveys.plan import SurveyPlan
from tests.residents import cast
from tests.surveys.conftest import plan

__all__ = ["plan"]

_updates = count(1)


class Chat:
    """Somebody's chat with the whole bot: nothing is kept between two turns but what the database keeps."""

    def __init__(self, runtime: Runtime, telegram_id: int = cast.ALICE) -> None:
        self.runtime, self.telegram_id = runtime, telegram_id
        self.officer: Officer | None = None
        self.councillor: Councillor | None = None
        self.buttons: dict[str, str] = {}

    async def command(self, name: str) -> str:
        return await self._act(Content.COMMAND, command=name)

    async def send(self, text: str) -> str:
        return await self._act(Content.TEXT, text=text)

    async def tap(self, data: str) -> str:
        return await self._act(Content.TAP, data=tuple(data.split(":")), message_id=1)

    async def press(self, label: str) -> str:
        return await self.tap(self.buttons[label])

    async def _act(self, content: Content, **more: object) -> str:
        what = Incoming(next(_updates), self.telegram_id, "Alice", "en", content, **more)  # type: ignore[arg-type]
        async with self.runtime.sessions.write() as session:
            turn = await open_turn(self.runtime, session, what)
            turn.officer, turn.councillor = self.officer, self.councillor
            reply = await application.answer(turn)
        return self._read(reply)

    def _read(self, reply: Reply) -> str:
        messages = [one.message for one in (reply, *reply.more) if one.message is not None]
        self.buttons = {button.label: button.data for message in messages for row in message.buttons for button in row}
        return "\n---\n".join(message.text for message in messages)

    async def status(self) -> ResidentStatus | None:
        async with self.runtime.sessions.read() as session:
            return await session.scalar(sa.select(Resident.status))


@pytest.fixture
async def alice(runtime: Runtime, now: datetime) -> Chat:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        await cast.alice(session, now=now)
    return Chat(runtime)


@pytest.mark.parametrize("presses", [(), ("Delete everything",)])
async def test_cancelling_an_erasure_withdraws_the_question(alice: Chat, presses: tuple[str, ...]) -> None:
    await alice.command("erase")
    for label in presses:
        await alice.press(label)
    assert "Nothing was deleted" in await alice.command("cancel")
    assert "nothing to cancel" in await alice.command("cancel")


@pytest.mark.parametrize("leave", ["cancel", "stop", "keep", "report"])
async def test_an_old_last_button_never_erases_however_often_it_is_tapped(alice: Chat, leave: str) -> None:
    await alice.command("erase")
    await alice.press("Delete everything")
    old = alice.buttons["Yes, delete it for good"]
    await (alice.tap("account:keep") if leave == "keep" else alice.command(leave))
    for _ in range(2):
        assert "Delete everything about you?" in await alice.tap(old)
        assert await alice.status() is not ResidentStatus.ERASED
    await alice.press("Delete everything")
    assert "Delete everything about you?" in await alice.tap(old)
    assert await alice.status() is not ResidentStatus.ERASED
    await alice.press("Delete everything")
    assert "is deleted" in await alice.press("Yes, delete it for good")
    assert await alice.status() is ResidentStatus.ERASED


async def test_an_old_first_button_asks_the_first_question_again(alice: Chat) -> None:
    await alice.command("erase")
    old = alice.buttons["Delete everything"]
    await alice.command("cancel")
    assert "Delete everything about you?" in await alice.tap(old)


async def test_help_and_words_bring_the_erase_question_back(alice: Chat) -> None:
    await alice.command("erase")
    for said in (await alice.command("help"), await alice.send("yes please")):
        assert "Delete everything about you?" in said
    await alice.press("Delete everything")
    for said in (await alice.command("help"), await alice.send("yes, delete it")):
        assert "Are you sure?" in said
    assert await alice.status() is ResidentStatus.ACTIVE
    assert "is deleted" in await alice.press("Yes, delete it for good")


async def test_words_that_may_be_an_answer_are_shown_the_way_to_the_buttons(alice: Chat, now: datetime, plan: SurveyPlan) -> None:
    assert "survey" not in await alice.send("Yes, Mondays")
    async with alice.runtime.sessions.write() as session:
        olive = await people.add_officer(session, name="Olive", email="olive@council.example", now=now)
        survey = await launch.create(session, replace(plan, wards=(), areas=()), officer_id=olive.id, now=now)
        await launch.launch(session, survey.id, now=now)
    said = await alice.send("Yes, Mondays")
    assert "tap a button under the question" in said
    assert "Skip" in await alice.press("See the survey") or "Skip" in alice.buttons


async def test_an_erase_question_of_yesterday_begins_again(alice: Chat, now: datetime, clock: ShiftedClock) -> None:
    await alice.command("erase")
    await alice.press("Delete everything")
    clock.set(now + timedelta(days=1))
    assert "Delete everything about you?" in await alice.send("hello?")
    assert await alice.status() is ResidentStatus.ACTIVE


async def test_an_erase_question_of_somebody_who_is_gone_ends(alice: Chat) -> None:
    await alice.command("erase")
    async with alice.runtime.sessions.write() as session:
        await session.execute(sa.delete(Resident))
    assert "hold nothing" in await alice.send("hello?")
    assert "nothing to cancel" in await alice.command("cancel")


async def test_an_erase_question_is_forgotten_with_an_unfinished_sign_up(alice: Chat, now: datetime) -> None:
    somebody = Chat(alice.runtime, 9)
    await somebody.command("start")
    await somebody.command("erase")
    async with alice.runtime.sessions.write() as session:
        assert await housekeeping.forget_drafts(session, now=now + timedelta(days=30)) == 1
        assert await dialogues.current(session, 9) is None


async def test_keeping_leaves_what_was_begun_since_alone(alice: Chat) -> None:
    await alice.command("erase")
    await alice.command("report")
    await alice.tap("account:keep")
    assert "nothing to cancel" not in await alice.command("cancel")


async def test_cancel_at_a_question_with_buttons_keeps_what_was_answered(alice: Chat, plan: SurveyPlan, now: datetime) -> None:
    async with alice.runtime.sessions.write() as session:
        await launch.launch(session, (await launch.create(session, plan, now=now)).id, now=now)
    await alice.command("survey")
    assert "nothing to cancel" in await alice.command("cancel")  # nothing is answered yet, so nothing is under way
    await alice.command("survey")
    await alice.press("Skip")
    assert "What you answered so far is kept" in await alice.command("cancel")
    assert "Question 2 of 4" in await alice.press("Go on answering")
    async with alice.runtime.sessions.write() as session:
        await session.execute(sa.update(Survey).values(closes_at=now - timedelta(hours=1)))
    assert "nothing to cancel" in await alice.command("cancel")


async def test_an_officer_is_told_that_the_briefing_is_for_councillors(alice: Chat, now: datetime) -> None:
    alice.officer = Officer(name="Olive", email="olive@council.example", created_at=now)
    said = await alice.command("brief")
    assert "for councillors" in said and "linked as an officer" in said
    assert "/launch" in said and "/results" in said and "/deliveries" in said and "have linked" not in said


@pytest.mark.parametrize("command", ["launch", "results", "deliveries"])
async def test_a_councillor_is_told_what_is_for_officers(alice: Chat, command: str) -> None:
    alice.councillor = Councillor(name="Carl")
    said = await alice.command(command)
    assert "for council officers" in said and "linked as a councillor" in said and "/brief" in said and "have linked" not in said


@pytest.mark.parametrize(("command", "role"), [("launch", "for council officers"), ("brief", "for councillors")])
async def test_everybody_else_is_told_whom_a_command_is_for(alice: Chat, command: str, role: str) -> None:
    said = await alice.command(command)
    assert role in said and "code" in said and "/help" in said and "linked" not in said


async def test_help_after_stopping_says_what_is_held_and_how_to_have_it_deleted(alice: Chat) -> None:
    await alice.command("stop")
    said = await alice.command("help")
    assert "still keep what you told us" in said and "would hold" not in said and "/survey" not in said
    for command in ("/start", "/privacy", "/export", "/erase"):
        assert command in said


async def test_help_in_the_middle_of_the_sign_up_offers_the_same(alice: Chat) -> None:
    somebody = Chat(alice.runtime, 9)
    await somebody.command("start")
    said = await somebody.command("help")
    assert "would hold" not in said and "/export" in said and "/erase" in said and "/stop" in said
    assert "still keep" not in said


async def test_help_for_somebody_new_offers_nothing_that_is_not_there(alice: Chat) -> None:
    said = await Chat(alice.runtime, 9).command("help")
    assert "would hold" in said and "/erase" not in said and "/export" not in said


async def _dialogue(chat: Chat) -> DialogueKind | None:
    async with chat.runtime.sessions.read() as session:
        dialogue = await dialogues.current(session, chat.telegram_id)
        return dialogue.kind if dialogue is not None else None


@pytest.mark.parametrize("what", ["hello", "/help", "/cancel"])
@pytest.mark.parametrize("telegram_id", [cast.ALICE, 9])
@pytest.mark.parametrize("kind", DialogueKind)
async def test_nobody_is_caught_in_a_dialogue_whose_thing_is_gone(alice: Chat, kind: DialogueKind, telegram_id: int, what: str) -> None:
    chat = Chat(alice.runtime, telegram_id)
    async with alice.runtime.sessions.write() as session:
        await dialogues.begin(session, telegram_id, kind, 999, now=alice.runtime.now())
    said = await (chat.command(what[1:]) if what.startswith("/") else chat.send(what))
    assert said
    if what == "/help":
        assert "What you can do here" in said
    await chat.command("cancel")
    assert await _dialogue(chat) is None
    assert "What you can do here" in await chat.command("help")


async def _olive(alice: Chat) -> tuple[Chat, str]:
    """Officer Olive in the middle of /launch, and a code for her."""
    now = alice.runtime.now()
    async with alice.runtime.sessions.write() as session:
        officer = await people.add_officer(session, name="Olive", email="olive@council.example", now=now)
        code = await linking.issue_code(session, officer_id=officer.id, now=now)
    chat = Chat(alice.runtime, 500)
    chat.officer = officer
    assert "What do you want to ask?" in await chat.command("launch")
    return chat, code


@pytest.mark.parametrize("what", ["hello", "/help", "/cancel"])
async def test_an_officer_whose_link_moved_to_another_phone_finds_the_way_out_of_launching(alice: Chat, what: str) -> None:
    olive, _ = await _olive(alice)
    olive.officer = None
    said = await (olive.command(what[1:]) if what.startswith("/") else olive.send(what))
    assert "for the council&#39;s officers" in said and ("/help" in said or "What you can do here" in said)
    assert "What you can do here" in await olive.command("help")
    assert "officers" not in await olive.command("help") and "nothing to cancel" in await olive.command("cancel")


@pytest.mark.parametrize("what", ["hello", "/help", "/cancel"])
async def test_an_officer_who_becomes_another_one_in_the_middle_of_launching_begins_anew(alice: Chat, what: str) -> None:
    olive, _ = await _olive(alice)
    async with alice.runtime.sessions.write() as session:
        olive.officer = await people.add_officer(session, name="Otto", email="otto@council.example", now=alice.runtime.now())
    said = await (olive.command(what[1:]) if what.startswith("/") else olive.send(what))
    assert "That draft isn&#39;t there any more" in said and "/launch" in said
    assert "isn&#39;t there" not in await olive.command("help")
    assert "What do you want to ask?" in await olive.command("launch")


@pytest.mark.parametrize("number", [2**63, 10**30, -1, "1_0", "١", " 1"])
@pytest.mark.parametrize(
    "data",
    [
        "survey:see:{}", "survey:ask:{}", "survey:done:{}", "survey:drop:1:{}", "survey:drop:{}:1", "survey:pick:{}:1", "survey:pick:1:{}",
        "survey:know:{}", "report:send:{}", "report:is:{}:litter", "report:see:{}", "report:mine:{}", "launch:see:{}", "launch:area:1:{}",
        "launch:go:{}:x", "results:see:{}", "deliveries:publish:{}", "deliveries:cancel:{}",
    ],
)  # fmt: skip
async def test_a_button_with_a_made_up_number_is_an_old_button(alice: Chat, data: str, number: int | str) -> None:
    alice.officer = Officer(id=1, name="Olive", email="olive@council.example")
    with pytest.raises(BadInput, match="old message"):
        await alice.tap(data.format(number))


@pytest.mark.parametrize("words", ["Link footpath", "Linking roads", "link-road-12ab"])
async def test_words_that_look_like_a_code_are_what_the_dialogue_waits_for(alice: Chat, words: str) -> None:
    await alice.command("report")
    for label in ("Pothole", "without a photo"):
        await alice.press(next(shown for shown in alice.buttons if label in shown))
    await alice.send(words)
    async with alice.runtime.sessions.read() as session:
        assert await session.scalar(sa.select(IssueReport.place)) == words


async def test_a_code_links_in_the_middle_of_anything_and_a_mistyped_one_is_told_so_outside(alice: Chat, now: datetime) -> None:
    async with alice.runtime.sessions.write() as session:
        officer = await people.add_officer(session, name="Olive", email="olive@council.example", now=now)
        code = await linking.issue_code(session, officer_id=officer.id, now=alice.runtime.now())
    with pytest.raises(NotFound, match="don't know this code"):
        await alice.send("LINK-7K3M-2QXZ")
    await alice.command("report")
    assert "Welcome, Olive" in await alice.send(code.lower().replace("-", " "))
    assert await _dialogue(alice) is DialogueKind.REPORT
    with pytest.raises(Closed, match="used already"):
        await Chat(alice.runtime, 9).send(code)


async def test_what_a_half_signed_up_person_types_after_cancelling_is_answered_with_the_way_on(alice: Chat) -> None:
    somebody = Chat(alice.runtime, 9)
    await somebody.command("start")
    await somebody.command("erase")
    await somebody.command("cancel")
    said = await somebody.send("SR5 2AA")
    assert "not finished signing up" in said and "/start" in said and "/report" not in said


async def test_what_somebody_types_who_has_stopped_is_answered_with_the_way_back(alice: Chat) -> None:
    await alice.command("stop")
    said = await alice.send("hello")
    assert "stopped our messages" in said and "/start" in said and "/report" not in said
