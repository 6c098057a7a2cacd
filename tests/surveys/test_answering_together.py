"""Answers of many people at once: what one by one would have stored and said, in as many statements as for one."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from intouch.errors import BadInput, InTouchError, NotAllowed, NotFound
from intouch.residents.models import Resident, ResidentStatus
from intouch.runtime import Runtime
from intouch.surveys import answering, launch
from intouch.surveys.filling_in import Given, Way
from intouch.surveys.models import Answer, AnswerKind, Invitation, Response
from intouch.surveys.plan import SurveyPlan
from intouch.surveys.questionnaires import Questionnaire, QuestionView
from tests.surveys.conftest import FULWELL, SOUTHWICK, Town


@dataclass
class Poll:
    """An open survey of Southwick, and who may want to answer it."""

    runtime: Runtime
    now: datetime
    id: int
    people: list[int]
    questions: tuple[QuestionView, ...]

    async def answer(self, *given: Given) -> list[answering.Outcome]:
        async with self.runtime.sessions.write() as session:
            return await answering.answer_all(session, given, now=self.now)

    async def rows(self) -> list[tuple[Any, ...]]:
        """What the survey holds, with people, questions and options by their order, so that two surveys can be compared."""
        options = {choice.id: f"option {number}" for question in self.questions for number, choice in enumerate(question.choices)}
        numbers = {question.id: question.number for question in self.questions}
        query = sa.select(Response.resident_id, Response.ward_id, Response.finished_at, Answer.question_id, Answer.kind, Answer.choice)
        query = query.add_columns(Answer.words).join(Answer, Answer.response_id == Response.id).where(Response.survey_id == self.id)
        async with self.runtime.sessions.read() as session:
            found = [tuple(row) for row in await session.execute(query)]
        return sorted(
            (who, ward, finished, numbers[question], kind, options.get(choice, str(choice)), words or "")
            for who, ward, finished, question, kind, choice, words in found
        )


async def _poll(runtime: Runtime, plan: SurveyPlan, now: datetime, people: list[int]) -> Poll:
    async with runtime.sessions.write() as session:
        survey = await launch.create(session, plan, now=now)
        await launch.launch(session, survey.id, now=now)
        form = await answering.questionnaire(session, survey.id, people[0], now=now)
    return Poll(runtime, now, survey.id, people, form.questions)


@pytest.fixture
async def polls(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> tuple[Poll, Poll]:
    """Two surveys that are the same: three residents of Southwick are asked, one was not invited, one lives elsewhere."""
    async with runtime.sessions.write() as session:
        asked = [(await town.resident(session)).id for _ in range(3)]
        uninvited = (await town.resident(session, topics=())).id
        elsewhere = (await town.resident(session, FULWELL)).id
        merged = Resident(status=ResidentStatus.ERASED, merged_into_id=asked[0], created_at=now)
        session.add(merged)
        await session.flush()
    people = [*asked, uninvited, elsewhere, merged.id, 99_999]
    here = replace(plan, wards=(SOUTHWICK,))
    await _poll(runtime, here, now, people)  # so that no option's id is a step of a scale
    again = replace(here, title="Bins in Southwick, again")
    return await _poll(runtime, here, now, people), await _poll(runtime, again, now, people)


def _anything(poll: Poll, chance: random.Random) -> Given:
    """What somebody may send, sensible or not."""
    question = chance.choice(poll.questions)
    choices = [choice.id for choice in (*question.choices, *question.choices, *chance.choice(poll.questions).choices)] + [5, 0]
    kind = chance.choice([*[None] * 6, *AnswerKind])
    way = chance.choices(list(Way), weights=(8, 2, 2))[0]
    words = chance.choice(["More bins", "", "x" * 2000, None])
    chosen = tuple(chance.sample(choices, chance.choice([0, 1, 1, 1, 2])))
    return Given(chance.choice(poll.people), question.id, kind, chosen, words, way, chance.choice([None, poll.id]))


def _said(outcome: answering.Outcome) -> Any:
    if isinstance(outcome, Questionnaire):
        return [(question.number, question.kind, len(question.chosen), question.words) for question in outcome.questions]
    return type(outcome), str(outcome)


@pytest.mark.parametrize("seed", range(4))
async def test_together_is_as_one_by_one(polls: tuple[Poll, Poll], seed: int) -> None:
    together, alone = polls
    first, second = random.Random(seed), random.Random(seed)
    given = [_anything(together, first) for _ in range(60)]
    one_by_one = [_anything(alone, second) for _ in range(60)]
    said = [_said((await alone.answer(one))[0]) for one in one_by_one]
    heard = [_said(outcome) for part in (given[:25], given[25:]) for outcome in await together.answer(*part)]
    assert await together.rows() == await alone.rows()
    # In a batch one hears how things stand at its end: those who answer once in it hear the same.
    people = [one.resident_id for one in given]
    last = [at for at in range(25, 60) if people[at] not in people[at + 1 :]]
    refused = [at for at in range(60) if not isinstance(said[at], list)]
    assert last and refused and len(refused) < 55
    assert [heard[at] for at in (*last, *refused) if people[at] != together.people[0]] == [
        said[at] for at in (*last, *refused) if people[at] != together.people[0]
    ]


async def test_a_refused_answer_leaves_nothing_and_spoils_no_other(polls: tuple[Poll, Poll]) -> None:
    poll, _ = polls
    single = poll.questions[0]
    alice, bob, carol, dave, elsewhere, _, nobody = poll.people
    tapped = (single.choices[0].id,)
    outcomes = await poll.answer(
        Given(alice, single.id, None, tapped),
        Given(elsewhere, single.id, None, tapped),
        Given(nobody, single.id, None, tapped),
        Given(bob, single.id, None, (99_999,)),
        Given(bob, 99_999, None, tapped),
        Given(carol, poll.questions[3].id, AnswerKind.TEXT, words=" "),
        Given(dave, single.id, None, tapped),
    )
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Questionnaire, NotAllowed, NotAllowed, NotFound, NotFound, BadInput, Questionnaire]
    assert [who for who, *_ in await poll.rows()] == [alice, dave]
    async with poll.runtime.sessions.read() as session:
        responses = set(await session.scalars(sa.select(Response.resident_id)))
        asked = set(await session.scalars(sa.select(Invitation.resident_id).where(Invitation.survey_id == poll.id)))
    assert responses == {alice, dave}
    assert asked == {alice, bob, carol, dave}  # dave was not invited, and counts as asked now


async def test_two_answers_of_one_person_in_one_batch_take_effect_in_their_order(polls: tuple[Poll, Poll]) -> None:
    poll, _ = polls
    single, multiple, *_ = poll.questions
    alice, merged = poll.people[0], poll.people[5]
    yes, no = (choice.id for choice in single.choices)
    first, second, third = (choice.id for choice in multiple.choices)
    outcomes = await poll.answer(
        Given(alice, single.id, None, (yes,)),
        Given(merged, single.id, None, (no,)),
        Given(alice, multiple.id, None, (first,)),
        Given(alice, multiple.id, None, (second,)),
        Given(alice, multiple.id, None, (third,)),
        Given(alice, multiple.id, None, (first,), way=Way.TAKE_BACK),
    )
    assert not any(isinstance(outcome, InTouchError) for outcome in outcomes)
    assert [row[5] for row in await poll.rows()] == ["option 1", "option 1", "option 2"]


@contextmanager
def _counted(runtime: Runtime) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        said.append(statement)

    sa.event.listen(runtime.sessions.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        sa.event.remove(runtime.sessions.engine.sync_engine, "before_cursor_execute", note)


async def _statements(poll: Poll, people: Sequence[int]) -> int:
    single = poll.questions[0]
    with _counted(poll.runtime) as said:
        await poll.answer(*(Given(who, single.id, None, (single.choices[0].id,)) for who in people))
    return len(said)


async def test_many_need_as_many_statements_as_one(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        people = [(await town.resident(session)).id for _ in range(41)]
    poll = await _poll(runtime, plan, now, people)
    assert await _statements(poll, people[:1]) == await _statements(poll, people[1:])
    assert len(await poll.rows()) == 41


async def test_an_answer_given_again_keeps_its_moment(polls: tuple[Poll, Poll]) -> None:
    poll, _ = polls
    single = poll.questions[0]
    given = Given(poll.people[0], single.id, None, (single.choices[0].id,))
    await poll.answer(given)
    began, poll.now = poll.now, poll.now + timedelta(hours=1)
    await poll.answer(given)
    async with poll.runtime.sessions.read() as session:
        assert list(await session.scalars(sa.select(Answer.answered_at))) == [began]
        assert list(await session.scalars(sa.select(Response.updated_at).where(Response.survey_id == poll.id))) == [poll.now]
