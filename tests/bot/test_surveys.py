"""Surveys in the chat: from the invitation to the thanks, and every wrong turn on the way."""

from dataclasses import replace
from datetime import datetime

import pytest
import sqlalchemy as sa

from intouch.bot import surveys
from intouch.bot.turn import Content, Reply
from intouch.errors import BadInput
from intouch.letters import Letters
from intouch.outbox.models import Delivery
from intouch.residents.models import Dialogue, Resident
from intouch.runtime import Runtime
from intouch.surveys import answering, closing, invitations, launch
from intouch.surveys.models import Answer, AnswerKind, QuestionType
from intouch.surveys.plan import QuestionPlan, SurveyPlan
from intouch.templating import TelegramMessage
from tests.bot.survey_turns import Phone, data_of, labels, message
from tests.surveys.conftest import FULWELL, SOUTHWICK, Town, plan, town

__all__ = ["plan", "town"]


class Chat:
    """Alice's phone and the survey she was invited to."""

    def __init__(self, runtime: Runtime, alice: Resident, survey_id: int) -> None:
        assert alice.telegram_id is not None
        self.runtime, self.alice, self.survey_id, self.phone = runtime, alice, survey_id, Phone(runtime, alice.telegram_id)

    async def tap(self, data: str) -> Reply:
        return await self.phone.turn(surveys.tap, Content.TAP, data=data)

    async def type(self, text: str, content: Content = Content.TEXT) -> Reply:
        return await self.phone.turn(surveys.SURVEY.hear, content, text=text)

    async def invitation(self) -> Reply:
        runtime = self.runtime
        render = invitations.renderer(runtime.templates, runtime.links, Letters(runtime.templates), runtime.clock)
        async with runtime.sessions.read() as session:
            deliveries = list(await session.scalars(sa.select(Delivery).where(Delivery.owner == f"resident:{self.alice.id}")))
            rendered = (await render(session, deliveries))[deliveries[0].id]
        assert isinstance(rendered, TelegramMessage)
        return Reply(rendered)

    async def answers(self) -> list[tuple[AnswerKind, int, str | None]]:
        async with self.runtime.sessions.read() as session:
            rows = await session.scalars(sa.select(Answer).order_by(Answer.question_id, Answer.choice))
            return [(row.kind, row.choice, row.words) for row in rows]

    async def listens(self) -> bool:
        async with self.runtime.sessions.read() as session:
            return await session.get(Dialogue, self.phone.telegram_id) is not None


async def _open(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> Chat:
    async with runtime.sessions.write() as session:
        alice = await town.resident(session)
        survey = await launch.create(session, replace(plan, wards=(SOUTHWICK,)), now=now)
        await launch.launch(session, survey.id, now=now)
    return Chat(runtime, alice, survey.id)


@pytest.fixture
async def chat(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> Chat:
    return await _open(runtime, town, plan, now)


async def test_a_whole_survey_is_answered_by_taps_and_one_message(chat: Chat) -> None:
    reply = await chat.invitation()
    assert "Bins in Southwick" in message(reply).text and "Wednesday 25 November" in message(reply).text
    assert labels(reply) == ["Yes, Mondays", "No, keep Fridays", "Don't know", "Skip"]
    reply = await chat.tap(data_of(reply, "Yes, Mondays"))
    assert reply.edits and "Question 2 of 4" in message(reply).text and "Done" not in labels(reply)
    reply = await chat.tap(data_of(reply, "Paper"))
    reply = await chat.tap(data_of(reply, "Food"))
    assert labels(reply)[:4] == ["✓ Paper", "Glass", "✓ Food", "Done"]
    reply = await chat.tap(data_of(reply, "✓ Food"))
    reply = await chat.tap(data_of(reply, "Done"))
    assert [button.label for button in message(reply).buttons[0]] == ["1", "2", "3", "4", "5"]
    reply = await chat.tap(data_of(reply, "4"))
    assert await chat.listens()
    reply = await chat.type("More bins <b>&</b> 🗑️")
    assert "Thank you" in message(reply).text and "what your ward said" in message(reply).text
    assert "More bins &lt;b&gt;&amp;&lt;/b&gt; 🗑️" in message(reply).text
    assert not await chat.listens()
    assert [kind for kind, _, _ in await chat.answers()] == ["option", "option", "scale", "text"]


async def test_an_answer_is_changed_after_the_thanks(chat: Chat) -> None:
    reply = await chat.invitation()
    while "Skip" in labels(reply):
        reply = await chat.tap(data_of(reply, "Skip"))
    reply = await chat.tap(data_of(reply, "Change answer 1"))
    assert "✓ Skip" in labels(reply) and "Keep my answers" in labels(reply)
    reply = await chat.tap(data_of(reply, "No, keep Fridays"))
    assert "Thank you" in message(reply).text and "No, keep Fridays" in message(reply).text
    assert len(await chat.answers()) == 4


async def test_the_same_tap_twice_is_one_answer(chat: Chat) -> None:
    yes = data_of(await chat.invitation(), "Yes, Mondays")
    first, second = await chat.tap(yes), await chat.tap(yes)
    assert first.message == second.message
    assert len(await chat.answers()) == 1


async def test_a_tap_on_a_closed_survey_says_so_and_offers_the_open_ones(chat: Chat, now: datetime) -> None:
    yes = data_of(await chat.invitation(), "Yes, Mondays")
    async with chat.runtime.sessions.write() as session:
        await closing.close(session, chat.survey_id, now=now)
    reply = await chat.tap(yes)
    assert "has closed" in message(reply).text and labels(reply) == ["Surveys open now"]
    assert "No survey is open" in message(await chat.tap("survey:open")).text
    assert await chat.answers() == []


async def test_words_typed_after_closing_end_the_dialogue_kindly(chat: Chat, now: datetime) -> None:
    async with chat.runtime.sessions.read() as session:
        form = await answering.questionnaire(session, chat.survey_id, chat.alice.id, now=now)
    await chat.tap(f"survey:ask:{form.questions[3].id}")
    async with chat.runtime.sessions.write() as session:
        await closing.close(session, chat.survey_id, now=now)
    assert "has closed" in message(await chat.type("Too late")).text
    assert not await chat.listens()


async def test_who_was_not_asked_is_told_kindly(chat: Chat, town: Town) -> None:
    data = data_of(await chat.invitation(), "Yes, Mondays")
    async with chat.runtime.sessions.write() as session:
        bob = await town.resident(session, FULWELL)
    bobs = Chat(chat.runtime, bob, chat.survey_id)
    assert "for other residents" in message(await bobs.tap(data)).text
    assert "No survey is open" in message(await bobs.tap("survey:open")).text
    assert await chat.answers() == []


@pytest.mark.parametrize(
    "data",
    ["survey", "survey:nonsense", "survey:pick", "survey:pick:x:y", "survey:pick:1", "survey:see:", "survey:done:²", "survey:know:-1"],
)
async def test_made_up_buttons_are_old_buttons(chat: Chat, data: str) -> None:
    with pytest.raises(BadInput, match="old message"):
        await chat.tap(data)


async def test_made_up_keys_lead_back_to_what_is_open(chat: Chat) -> None:
    for data in ("survey:pick:99999:1", "survey:see:99999", f"survey:pick:1:{2**40}", f"survey:pick:{2**63 - 1}:{2**63 - 1}"):
        assert labels(await chat.tap(data)) == ["Surveys open now"]


async def test_a_sticker_instead_of_words_is_answered_kindly_and_the_question_stays(chat: Chat) -> None:
    reply = await chat.invitation()
    for _ in range(3):
        reply = await chat.tap(data_of(reply, "Skip"))
    reply = await chat.type("", Content.OTHER)
    assert "only read words" in message(reply).text and "What else should we know?" in message(reply.more[0]).text
    assert await chat.listens()


async def test_too_many_words_are_not_stored_and_the_question_stays(chat: Chat) -> None:
    reply = await chat.invitation()
    for _ in range(3):
        reply = await chat.tap(data_of(reply, "Skip"))
    reply = await chat.type("x" * 4096)
    assert "4,096 characters long" in message(reply).text and "1,000" in message(reply).text
    assert "What else should we know?" in message(reply.more[0]).text and "Skip" in labels(reply.more[0])
    assert await chat.listens() and len(await chat.answers()) == 3


async def test_long_and_hostile_questions_fit_into_a_message(runtime: Runtime, town: Town, now: datetime, plan: SurveyPlan) -> None:
    options = tuple(f"{number} <i>&\"'{'🗑' * 40}" for number in range(10))
    hostile = replace(plan, title="<b>" + "t" * 97, why="<w>" * 166, questions=(QuestionPlan("&" * 300, QuestionType.SINGLE, options),))
    chat = await _open(runtime, town, hostile, now)
    reply = await chat.invitation()
    assert len(message(reply).text) < 4096 * 2 and "&lt;b&gt;" in message(reply).text and "A. 0 &lt;i&gt;" in message(reply).text
    assert labels(reply)[0].startswith("A. 0 <i>&\"'") and len(labels(reply)[0]) <= 34
    reply = await chat.tap(data_of(reply, labels(reply)[9]))
    assert "Thank you" in message(reply).text


async def test_several_open_surveys_are_listed_with_the_answered_ones_marked(chat: Chat, plan: SurveyPlan, now: datetime) -> None:
    async with chat.runtime.sessions.write() as session:
        other = await launch.create(session, replace(plan, title="Parks", questions=plan.questions[:1]), now=now)
        await launch.launch(session, other.id, now=now)
    reply = await chat.phone.turn(surveys.survey, Content.COMMAND)
    reply = await chat.tap(data_of(reply, "Parks"))
    reply = await chat.tap(data_of(reply, "Skip"))
    assert labels(await chat.tap("survey:open")) == ["Bins in Southwick", "✓ Parks"]


async def test_cancelling_keeps_what_was_answered(chat: Chat) -> None:
    reply = await chat.invitation()
    for _ in range(3):
        reply = await chat.tap(data_of(reply, "Skip"))
    reply = await chat.phone.turn(surveys.SURVEY.cancel, Content.COMMAND)
    assert "kept, and counts" in message(reply).text and len(await chat.answers()) == 3
