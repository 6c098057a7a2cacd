"""Taps on answers of surveys, taken together: what each person sees, and who is left to the usual way."""

from __future__ import annotations

from datetime import datetime
from itertools import count

import pytest
import sqlalchemy as sa

from intouch.bot import tapping
from intouch.bot.turn import Content, Incoming, Reply
from intouch.residents.models import HandledUpdate, Resident, ResidentStatus
from intouch.runtime import Runtime
from intouch.surveys import answering, closing, launch
from intouch.surveys.models import Answer
from intouch.surveys.plan import SurveyPlan
from tests.bot.survey_turns import labels, message
from tests.surveys.conftest import Town, plan, town

__all__ = ["plan", "town"]

_numbers = count(1)


class Street:
    """Three residents of a ward who were asked the same."""

    def __init__(self, runtime: Runtime, survey_id: int, people: list[Resident], questions: list[tuple[int, list[int]]]) -> None:
        self.runtime, self.survey_id, self.people, self.questions = runtime, survey_id, people, questions

    def tap(self, who: int, data: str) -> Incoming:
        """A tap of one of the three, or of somebody whom nobody knows."""
        telegram_id = self.people[who].telegram_id if who < len(self.people) else 4711
        assert telegram_id is not None
        return Incoming(next(_numbers), telegram_id, "Alice", "en", Content.TAP, data=tuple(data.split(":")), tap_id="t", message_id=1)

    def pick(self, who: int, question: int = 0, choice: int = 0) -> Incoming:
        question_id, choices = self.questions[question]
        return self.tap(who, f"survey:pick:{question_id}:{choices[choice]}")

    async def answer(self, *taps: Incoming) -> list[Reply | None]:
        return list(await self.runtime.sessions.transact(lambda session: tapping.answer(self.runtime, session, taps)))

    async def stored(self) -> tuple[int, set[int]]:
        """The number of answers, and the updates that count as handled."""
        async with self.runtime.sessions.read() as session:
            answers = await session.scalar(sa.select(sa.func.count()).select_from(Answer))
            return answers or 0, set(await session.scalars(sa.select(HandledUpdate.update_id)))


@pytest.fixture
async def street(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> Street:
    async with runtime.sessions.write() as session:
        people = [await town.resident(session) for _ in range(3)]
        survey = await launch.create(session, plan, now=now)
        await launch.launch(session, survey.id, now=now)
        form = await answering.questionnaire(session, survey.id, people[0].id, now=now)
    return Street(runtime, survey.id, people, [(question.id, [choice.id for choice in question.choices]) for question in form.questions])


async def test_everybody_sees_their_next_question(street: Street) -> None:
    skips = street.tap(2, f"survey:skip:{street.questions[0][0]}")
    taps = [street.pick(0), street.pick(1, question=1, choice=2), skips]
    replies = [reply for reply in await street.answer(*taps) if reply is not None]
    texts = [message(reply).text for reply in replies]
    assert ["Question 2 of 4" in text for text in texts] == [True, True, True]
    assert "Done" in labels(replies[1]) and "Done" not in labels(replies[0])
    assert all(reply.edits for reply in replies)
    assert await street.stored() == (3, {tap.key for tap in taps})


async def test_what_many_are_told_alike_is_rendered_once_and_is_what_each_is_told_alone(street: Street) -> None:
    first, second, other = await street.answer(street.pick(0), street.pick(1), street.pick(2, question=1))
    (alone,) = await street.answer(street.pick(1))
    assert first and second and other and alone
    assert first.message is second.message and first.message == alone.message
    assert first.message is not alone.message  # nothing is kept beyond the batch: it may hold what somebody wrote
    assert other.message != first.message


async def test_a_made_up_number_is_left_to_the_usual_way_and_costs_nobody_theirs(street: Street) -> None:
    made_up = [street.tap(1, f"survey:pick:{number}:{number}") for number in (2**63, 10**30, -1)]
    reply, *others = await street.answer(street.pick(0), *made_up, street.tap(2, f"survey:pick:{2**63 - 1}:{2**63 - 1}"))
    assert reply is not None and "Question 2 of 4" in message(reply).text
    assert others[:3] == [None] * 3 and others[3] is not None
    assert (await street.stored())[0] == 1


async def test_an_update_that_comes_again_has_no_effect_and_no_reply(street: Street) -> None:
    taps = [street.pick(0), street.pick(1)]
    await street.answer(*taps)
    *again, new = await street.answer(*taps, street.pick(2))
    assert again == [Reply(), Reply()]
    assert new is not None and new.message is not None
    assert (await street.stored())[0] == 3


@pytest.mark.parametrize("data", ["survey:pick:x:1", "survey:pick:1", "survey:done:1", "survey:open", "survey:made up", "survey"])
async def test_what_is_no_answer_is_left_to_the_usual_way(street: Street, data: str) -> None:
    odd = street.tap(0, data)
    replies = await street.answer(odd, street.pick(1))
    assert replies[0] is None and replies[1] is not None
    answers, handled = await street.stored()
    assert answers == 1 and odd.key not in handled


async def test_who_is_not_signed_up_is_left_to_the_usual_way(street: Street) -> None:
    async with street.runtime.sessions.write() as session:
        await session.execute(sa.update(Resident).where(Resident.id == street.people[1].id).values(status=ResidentStatus.DRAFT))
    known = street.pick(0)
    replies = await street.answer(known, street.pick(1), street.pick(7))
    assert replies[0] is not None and replies[1:] == [None, None]
    assert await street.stored() == (1, {known.key})


async def test_a_closed_survey_is_answered_kindly(street: Street, now: datetime) -> None:
    async with street.runtime.sessions.write() as session:
        await closing.close(session, street.survey_id, now=now)
    (reply,) = await street.answer(street.pick(0))
    assert reply is not None and "has closed" in message(reply).text
    assert (await street.stored())[0] == 0
