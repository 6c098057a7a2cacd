"""Officers in the chat: a pulse launched in two minutes, once however often tapped."""

import asyncio
from datetime import datetime

import pytest
import sqlalchemy as sa

from intouch.bot import officers
from intouch.bot.turn import Content, Reply
from intouch.council.models import Officer
from intouch.errors import Closed, InTouchError, NotAllowed
from intouch.outbox.models import Delivery
from intouch.residents.models import Dialogue, Topic
from intouch.runtime import Runtime
from intouch.surveys.models import Option, Question, QuestionType, Survey, SurveyStatus
from tests.bot.survey_turns import Phone, data_of, labels, message
from tests.surveys.conftest import FULWELL, SOUTHWICK, Town, town

__all__ = ["town"]


class Desk:
    """Officer Olive's chat."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime, self.phone = runtime, Phone(runtime, 500)

    async def tap(self, data: str) -> Reply:
        return await self.phone.turn(officers.tap, Content.TAP, data=data)

    async def type(self, text: str, content: Content = Content.TEXT) -> Reply:
        return await self.phone.turn(officers.LAUNCH.hear, content, text=text)

    async def launch(self) -> Reply:
        return await self.phone.turn(officers.launch, Content.COMMAND)

    async def to_preview(self, where: str = "The whole city") -> Reply:
        """The preview's second message, with its buttons."""
        await self.launch()
        reply = await self.type("Should bins be emptied on Mondays?")
        reply = await self.tap(data_of(reply, "Yes / No"))
        reply = await self.tap(data_of(reply, where))
        return (await self.tap(data_of(reply, "1 week"))).more[0]

    async def surveys(self) -> list[Survey]:
        async with self.runtime.sessions.read() as session:
            return list(await session.scalars(sa.select(Survey)))

    async def sent(self) -> int:
        async with self.runtime.sessions.read() as session:
            return await session.scalar(sa.select(sa.func.count()).select_from(Delivery)) or 0


@pytest.fixture
async def desk(runtime: Runtime, town: Town, now: datetime) -> Desk:
    async with runtime.sessions.write() as session:
        session.add(Officer(name="Olive", email="olive@council.example", telegram_id=500, created_at=now))
        await town.resident(session, SOUTHWICK, topics=(Topic.SURVEYS, Topic.SOUNDING_BOARD))
        await town.resident(session, FULWELL)
    return Desk(runtime)


async def test_a_pulse_is_launched_in_one_short_dialogue(desk: Desk) -> None:
    reply = await desk.launch()
    assert "What do you want to ask?" in message(reply).text
    reply = await desk.type("Should bins be emptied on Mondays? <3")
    reply = await desk.type("Yes, Mondays\n\n  No, keep Fridays  ")
    reply = await desk.tap(data_of(reply, "An area or a ward"))
    reply = await desk.tap(data_of(reply, "North"))
    reply = await desk.tap(data_of(reply, "Southwick"))
    reply = await desk.tap(data_of(reply, "3 days"))
    assert "Should bins be emptied on Mondays? &lt;3" in message(reply).text
    assert labels(reply) == ["Yes, Mondays", "No, keep Fridays", "Don't know", "Skip"]
    controls = reply.more[0]
    assert "It asks: Southwick." in message(controls).text and "<b>1 person</b>" in message(controls).text
    assert "Saturday 21 November at 6:00 pm" in message(controls).text
    reply = await desk.tap(data_of(controls, "Launch"))
    assert "is launched. It asks 1 person." in message(reply).text
    assert await desk.sent() == 1


async def test_tapping_launch_ten_times_launches_once(desk: Desk) -> None:
    data = data_of(await desk.to_preview(), "Launch")
    replies = await asyncio.gather(*(desk.tap(data) for _ in range(10)))
    assert {message(reply).text for reply in replies} == {message(replies[0]).text}
    assert "It asks 2 people." in message(replies[0]).text
    assert await desk.sent() == 2


async def _ask_when(desk: Desk) -> Reply:
    """Two messages that ask how long; the buttons of both are the same."""
    await desk.launch()
    reply = await desk.tap(data_of(await desk.type("Should bins be emptied on Mondays?"), "Yes / No"))
    return await desk.tap(data_of(reply, "The whole city"))


async def test_launch_launches_only_what_stood_above_it(desk: Desk) -> None:
    ask = await _ask_when(desk)
    older = (await desk.tap(data_of(ask, "3 days"))).more[0]
    newer = (await desk.tap(data_of(ask, "1 week"))).more[0]
    reply = await desk.tap(data_of(older, "Launch"))
    assert "changed since" in message(reply).text and reply.edits
    assert "Should bins be emptied" in message(reply.more[0]).text and not reply.more[0].edits
    current = reply.more[0].more[0]
    assert message(current).text == message(newer).text and data_of(current, "Launch") == data_of(newer, "Launch")
    assert await desk.sent() == 0 and (await desk.surveys())[0].launched_at is None
    assert "is launched" in message(await desk.tap(data_of(current, "Launch"))).text
    assert await desk.sent() == 2


@pytest.mark.parametrize("part", ["question", "answers", "options", "audience", "board", "ward"])
async def test_an_outdated_launch_button_launches_nothing_whatever_was_changed(desk: Desk, part: str) -> None:
    old = data_of(await desk.to_preview(), "Launch")
    survey = (await desk.surveys())[0].id
    if part == "question":
        await desk.tap(f"launch:change:{survey}:question")
        await desk.type("Or on Tuesdays?")
    elif part == "answers":
        await desk.tap(f"launch:answers:{survey}:scale")
    elif part == "options":
        await desk.tap(f"launch:change:{survey}:answers")
        await desk.type("Yes\nNever")
    elif part == "audience":
        await desk.tap(f"launch:change:{survey}:audience")
    elif part == "board":
        await desk.tap(f"launch:board:{survey}")
    else:
        await desk.tap(f"launch:ward:{survey}:1")
    assert "changed since" in message(await desk.tap(old)).text
    assert await desk.sent() == 0 and (await desk.surveys())[0].launched_at is None


async def test_what_is_changed_back_may_be_launched_and_buttons_stay_short(desk: Desk) -> None:
    old = data_of(await desk.to_preview(), "Launch")
    survey = (await desk.surveys())[0].id
    assert len(old.replace(f":{survey}:", f":{10**18}:").encode()) <= 64
    await desk.tap(f"launch:board:{survey}")
    await desk.tap(f"launch:all:{survey}")
    assert "is launched" in message(await desk.tap(old)).text


async def test_a_launch_button_from_before_buttons_knew_their_preview_shows_it_first(desk: Desk) -> None:
    await desk.to_preview()
    reply = await desk.tap(f"launch:go:{(await desk.surveys())[0].id}")
    assert "changed since" in message(reply).text and await desk.sent() == 0


async def test_the_buttons_of_the_preview_only_say_that_it_is_one(desk: Desk) -> None:
    controls = await desk.to_preview()
    reply = await desk.tap(data_of(controls, "Launch").replace("go", "sample"))
    assert reply.message is None and "only a preview" in reply.toast and len(reply.toast) <= 200


@pytest.mark.parametrize(("label", "kind"), [("Scale 1–5", QuestionType.SCALE), ("In their own words", QuestionType.TEXT)])
async def test_a_scale_and_free_text_are_one_tap(desk: Desk, label: str, kind: QuestionType) -> None:
    await desk.launch()
    reply = await desk.type("How clean is your street?")
    await desk.tap(data_of(reply, label))
    async with desk.runtime.sessions.read() as session:
        assert await session.scalar(sa.select(Question.type)) is kind
        assert await session.scalar(sa.select(sa.func.count()).select_from(Option)) == 0


async def test_the_sounding_board_alone_is_asked(desk: Desk) -> None:
    controls = await desk.to_preview("The sounding board")
    assert "the sounding board" in message(controls).text and "<b>1 person</b>" in message(controls).text


async def test_every_part_can_be_changed_before_launching(desk: Desk) -> None:
    reply = await desk.tap(data_of(await desk.to_preview(), "Change"))
    reply = await desk.tap(data_of(reply, "The question"))
    reply = await desk.type("Or on Tuesdays?")
    reply = (await desk.tap(data_of(reply, "Yes / No"))).more or (await desk.launch(),)
    survey = (await desk.surveys())[0]
    assert survey.title == "Or on Tuesdays?"
    for part in ("answers", "audience", "closing"):
        assert "launch" in data_of(await desk.tap(f"launch:change:{survey.id}:{part}"), "Cancel")
    assert len(await desk.surveys()) == 1


async def test_a_draft_goes_on_where_it_was_left_after_a_restart(desk: Desk) -> None:
    await desk.launch()
    await desk.type("Should bins be emptied on Mondays?")
    again = await Desk(desk.runtime).launch()
    assert "How can people answer?" in message(again).text and len(await desk.surveys()) == 1


async def test_answers_that_cannot_be_used_are_asked_again(desk: Desk) -> None:
    await desk.launch()
    await desk.type("Should bins be emptied on Mondays?")
    for text, sentence in (
        ("Yes", "at least two answers"),
        ("Yes\nyes", "twice"),
        ("x" * 101 + "\nNo", "101 characters"),
        ("\n".join(map(str, range(11))), "at most 10"),
    ):
        reply = await desk.type(text)
        assert sentence in message(reply).text
        assert "How can people answer?" in message(reply.more[0]).text and "Yes / No" in labels(reply.more[0])
    await desk.tap(f"launch:change:{(await desk.surveys())[0].id}:question")
    reply = await desk.type("x" * 4096)
    assert "4,096 characters" in message(reply).text and "What do you want to ask?" in message(reply.more[0]).text


async def test_answers_may_stand_on_one_line(desk: Desk) -> None:
    await desk.launch()
    await desk.type("Should bins be emptied on Mondays?")
    reply = await desk.type("Yes, Mondays; No, keep Fridays;")
    assert "Who do you want" in message(reply).text


async def test_a_sticker_is_answered_kindly(desk: Desk) -> None:
    await desk.launch()
    reply = await desk.type("", Content.OTHER)
    assert "only read words" in message(reply).text and "What do you want to ask?" in message(reply.more[0]).text


async def test_cancelling_throws_the_draft_away(desk: Desk) -> None:
    reply = await desk.tap(data_of(await desk.to_preview(), "Cancel"))
    assert "Nothing was sent" in message(reply).text
    assert await desk.surveys() == []
    async with desk.runtime.sessions.read() as session:
        assert await session.get(Dialogue, 500) is None


async def test_a_launched_survey_is_not_changed_by_old_buttons(desk: Desk) -> None:
    controls = await desk.to_preview()
    await desk.tap(data_of(controls, "Launch"))
    survey = (await desk.surveys())[0]
    for data in (f"launch:change:{survey.id}:question", f"launch:discard:{survey.id}", f"launch:days:{survey.id}:3"):
        with pytest.raises(Closed, match="launched"):
            await desk.tap(data)
    assert (await desk.surveys())[0].status is SurveyStatus.OPEN


async def test_nobody_else_launches_or_reads(desk: Desk, now: datetime) -> None:
    controls = await desk.to_preview()
    mallory = Phone(desk.runtime, 666)
    with pytest.raises(InTouchError):
        await mallory.turn(officers.tap, Content.TAP, data=data_of(controls, "Launch"))
    for data in ("results:list", "launch:new"):
        with pytest.raises(NotAllowed):
            await mallory.turn(officers.tap, Content.TAP, data=data)
    assert await desk.sent() == 0


@pytest.mark.parametrize("data", ["launch", "launch:x", "launch:go:x", "launch:answers:1", "launch:days:1:4", "results:x:1"])
async def test_made_up_buttons_get_a_sentence(desk: Desk, data: str) -> None:
    with pytest.raises(InTouchError):
        await desk.tap(data)


async def test_results_show_who_answered_so_far_and_no_single_answer(desk: Desk) -> None:
    reply = await desk.phone.turn(officers.results, Content.COMMAND)
    assert "No survey is open" in message(reply).text
    await desk.tap(data_of(await desk.to_preview(), "Launch"))
    reply = await desk.tap("results:list")
    assert "Should bins be emptied on Mondays?" in message(reply).text
    reply = await desk.tap(data_of(reply, labels(reply)[0]))
    assert "once the survey closes" in message(reply).text and labels(reply)[-1] == "All surveys"


async def _several(desk: Desk) -> Reply:
    await desk.launch()
    reply = await desk.type("What keeps you from taking the bus?")
    return await desk.tap(data_of(reply, "Let people choose several answers"))


async def test_a_question_with_several_answers_is_asked_as_one(desk: Desk, runtime: Runtime) -> None:
    asked = await _several(desk)
    assert "as many as fit" in message(asked).text
    reply = await desk.type("The fare\nIt is late\nIt is full")
    assert "Who do you want to ask?" in message(reply).text
    reply = await desk.tap(data_of(await desk.tap(data_of(reply, "The whole city")), "1 week"))
    assert labels(reply) == ["The fare", "It is late", "It is full", "Don't know", "Skip"]
    assert "Choose all that fit" in message(reply).text
    assert "several" in message(reply.more[0]).text
    assert "is launched" in message(await desk.tap(data_of(reply.more[0], "Launch"))).text
    async with runtime.sessions.read() as session:
        assert (await session.scalars(sa.select(Question.type))).all() == [QuestionType.MULTIPLE]
        assert await session.scalar(sa.select(sa.func.count()).select_from(Option)) == 3


async def test_several_answers_are_waited_for_whatever_happens_in_between(desk: Desk) -> None:
    asked = await _several(desk)
    for again in (await desk.launch(), await desk.phone.turn(officers.LAUNCH.ask, Content.COMMAND)):
        assert message(again).text == message(asked).text
    for reply in (await desk.type("Only one"), await desk.type("", Content.PHOTO)):
        assert message(reply.more[0]).text == message(asked).text
    survey = (await desk.surveys())[0].id
    for data in (f"launch:all:{survey}", f"launch:days:{survey}:7"):
        assert message(await desk.tap(data)).text == message(asked).text
    assert await desk.sent() == 0


async def test_who_wanted_several_answers_may_still_choose_otherwise(desk: Desk, runtime: Runtime) -> None:
    reply = await desk.tap(data_of(await _several(desk), "Back"))
    assert "Yes / No" in labels(reply)
    reply = await desk.type("Yes; No; Never")
    assert "Who do you want to ask?" in message(reply).text
    async with runtime.sessions.read() as session:
        assert (await session.scalars(sa.select(Question.type))).all() == [QuestionType.SINGLE]


async def test_the_launch_button_of_a_draft_that_was_thrown_away_says_so(desk: Desk) -> None:
    old = data_of(await desk.to_preview(), "Launch")
    await desk.tap(f"launch:discard:{(await desk.surveys())[0].id}")
    with pytest.raises(InTouchError, match="That draft isn't there any more") as told:
        await desk.tap(old)
    assert "intouch" not in str(told.value)
