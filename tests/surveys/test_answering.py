"""Answering: one answer is stored however often and from wherever it is given."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.errors import BadInput, Closed, InTouchError, NotAllowed, NotFound
from intouch.residents.models import Resident, Topic
from intouch.runtime import Runtime
from intouch.surveys import answering, closing, launch
from intouch.surveys.filling_in import Given, Way
from intouch.surveys.models import Answer, AnswerKind, Invitation, Response
from intouch.surveys.plan import SurveyPlan
from intouch.surveys.questionnaires import Questionnaire
from tests.surveys.conftest import FULWELL, SOUTHWICK, Town

DONT_KNOW, OPTION, SCALE, SKIP, TEXT = (AnswerKind(kind) for kind in ("dont_know", "option", "scale", "skip", "text"))


class Pulse:
    """An open survey of Southwick that Alice was invited to."""

    def __init__(self, runtime: Runtime, now: datetime, survey_id: int, alice: Resident, form: Questionnaire) -> None:
        self.runtime, self.now, self.id, self.alice, self.form = runtime, now, survey_id, alice, form
        self.single, self.multiple, self.scale, self.text = form.questions

    async def answer(
        self, question: int, kind: AnswerKind, choice: int = 0, words: str | None = None, *, who: int = 0, at: datetime | None = None
    ) -> Questionnaire:
        async with self.runtime.sessions.write() as session:
            given = Given(who or self.alice.id, question, kind, (choice,), words, survey_id=self.id)
            return await answering.answer(session, given, now=at or self.now)

    async def rows(self) -> list[tuple[AnswerKind, int, str | None]]:
        async with self.runtime.sessions.read() as session:
            answers = await session.scalars(sa.select(Answer).order_by(Answer.question_id, Answer.choice))
            return [(answer.kind, answer.choice, answer.words) for answer in answers]

    async def response(self) -> Response:
        async with self.runtime.sessions.read() as session:
            return (await session.scalars(sa.select(Response))).one()

    async def finish(self) -> Questionnaire:
        await self.answer(self.single.id, OPTION, self.single.choices[0].id)
        await self.answer(self.multiple.id, DONT_KNOW)
        await self.answer(self.scale.id, SCALE, 4)
        return await self.answer(self.text.id, TEXT, words="More bins")


async def _launched(session: AsyncSession, plan: SurveyPlan, now: datetime) -> int:
    survey = await launch.create(session, plan, now=now)
    await launch.launch(session, survey.id, now=now)
    return survey.id


@pytest.fixture
async def pulse(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> Pulse:
    async with runtime.sessions.write() as session:
        alice = await town.resident(session)
        survey_id = await _launched(session, replace(plan, wards=(SOUTHWICK,)), now)
        form = await answering.questionnaire(session, survey_id, alice.id, now=now)
    return Pulse(runtime, now, survey_id, alice, form)


async def test_every_kind_of_answer_is_stored_and_the_last_finishes(pulse: Pulse) -> None:
    form = await pulse.finish()
    assert form.is_finished
    assert form.next_open() is None
    first = pulse.single.choices[0].id
    assert await pulse.rows() == [(OPTION, first, None), (DONT_KNOW, 0, None), (SCALE, 4, None), (TEXT, 0, "More bins")]
    assert (await pulse.response()).finished_at == pulse.now


async def test_the_form_names_the_next_question(pulse: Pulse) -> None:
    form = await pulse.answer(pulse.single.id, SKIP)
    following = form.next_open()
    assert (form.answered, following and following.id) == (1, pulse.multiple.id)
    assert (await pulse.response()).finished_at is None


async def test_an_answer_can_be_changed_until_the_survey_closes(pulse: Pulse) -> None:
    yes, no = pulse.single.choices
    for kind, choice in ((OPTION, yes.id), (OPTION, no.id), (SKIP, 0), (OPTION, no.id)):
        await pulse.answer(pulse.single.id, kind, choice)
    assert await pulse.rows() == [(OPTION, no.id, None)]


async def test_the_same_answer_from_ten_devices_at_once_is_one_answer(pulse: Pulse) -> None:
    yes = pulse.single.choices[0]
    await asyncio.gather(*(pulse.answer(pulse.single.id, OPTION, yes.id) for _ in range(10)))
    assert await pulse.rows() == [(OPTION, yes.id, None)]


async def test_different_answers_from_two_devices_at_once_are_one_answer(pulse: Pulse) -> None:
    kinds = [(OPTION, choice.id) for choice in pulse.single.choices] * 4 + [(SKIP, 0), (DONT_KNOW, 0)]
    await asyncio.gather(*(pulse.answer(pulse.single.id, kind, choice) for kind, choice in kinds))
    assert len(await pulse.rows()) == 1


async def test_several_choices_add_up_and_can_be_taken_back(pulse: Pulse) -> None:
    paper, glass, food = (choice.id for choice in pulse.multiple.choices)
    for choice in (paper, glass, paper, food):
        await pulse.answer(pulse.multiple.id, OPTION, choice)
    async with pulse.runtime.sessions.write() as session:
        for _ in range(2):
            await answering.answer(session, Given(pulse.alice.id, pulse.multiple.id, None, (glass,), way=Way.TAKE_BACK), now=pulse.now)
    assert await pulse.rows() == [(OPTION, paper, None), (OPTION, food, None)]
    async with pulse.runtime.sessions.write() as session:
        exactly = Given(pulse.alice.id, pulse.multiple.id, OPTION, (glass, glass), way=Way.EXACTLY)
        await answering.answer(session, exactly, now=pulse.now)
    assert await pulse.rows() == [(OPTION, glass, None)]
    await pulse.answer(pulse.multiple.id, DONT_KNOW)
    assert await pulse.rows() == [(DONT_KNOW, 0, None)]


async def test_taking_the_last_choice_back_opens_the_survey_again(pulse: Pulse) -> None:
    await pulse.finish()
    await pulse.answer(pulse.multiple.id, OPTION, pulse.multiple.choices[0].id)
    back = Given(pulse.alice.id, pulse.multiple.id, None, (pulse.multiple.choices[0].id,), way=Way.TAKE_BACK)
    async with pulse.runtime.sessions.write() as session:
        following = (await answering.answer(session, back, now=pulse.now)).next_open()
    assert following is not None
    assert following.id == pulse.multiple.id
    assert (await pulse.response()).finished_at is None


@pytest.mark.parametrize("words", ["x" * 1001, "", "   ", "\x00\x01"])
async def test_words_that_are_too_many_or_none_are_not_stored(pulse: Pulse, words: str) -> None:
    with pytest.raises(BadInput):
        await pulse.answer(pulse.text.id, TEXT, words=words)
    assert await pulse.rows() == []


async def test_words_are_trimmed_and_kept_as_written(pulse: Pulse) -> None:
    await pulse.answer(pulse.text.id, TEXT, words="  <b>שלום</b> 🗑️ & *more*\x00 " + "x" * 900)
    assert (await pulse.rows())[0][2] == "<b>שלום</b> 🗑️ & *more* " + "x" * 900


async def test_made_up_answers_are_refused_and_leave_nothing(pulse: Pulse) -> None:
    other = pulse.multiple.choices[0].id
    for question, kind, choice in (
        (pulse.single.id, OPTION, other),
        (pulse.single.id, OPTION, 99999),
        (pulse.single.id, SCALE, 3),
        (pulse.scale.id, SCALE, 6),
        (pulse.scale.id, SCALE, 0),
        (pulse.scale.id, OPTION, other),
        (pulse.text.id, OPTION, other),
        (99999, SKIP, 0),
    ):
        with pytest.raises(NotFound):
            await pulse.answer(question, kind, choice)
    assert await pulse.rows() == []


async def test_who_may_not_answer_is_told_why(runtime: Runtime, town: Town, pulse: Pulse, plan: SurveyPlan, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        bob = await town.resident(session, FULWELL)
        draft = await launch.create(session, plan, now=now)
        later = await _launched(session, replace(plan, opens_at=now + timedelta(days=1)), now)
        board = await _launched(session, replace(plan, is_for_sounding_board=True), now)
    for survey_id, who, expected in (
        (pulse.id, bob.id, NotAllowed),
        (pulse.id, 99999, NotAllowed),
        (draft.id, bob.id, NotFound),
        (99999, bob.id, NotFound),
        (later, bob.id, Closed),
        (board, bob.id, NotAllowed),
    ):
        with pytest.raises(expected):
            async with runtime.sessions.read() as session:
                await answering.questionnaire(session, survey_id, who, now=now)


async def test_a_closed_survey_takes_no_more_answers_even_before_the_tick(pulse: Pulse, plan: SurveyPlan) -> None:
    with pytest.raises(Closed, match="has closed"):
        await pulse.answer(pulse.single.id, SKIP, at=plan.closes_at)
    async with pulse.runtime.sessions.write() as session:
        await closing.close(session, pulse.id, now=pulse.now)
    with pytest.raises(Closed, match="has closed"):
        await pulse.answer(pulse.single.id, SKIP)


async def test_who_joins_later_counts_as_asked_when_they_see_the_survey(runtime: Runtime, town: Town, pulse: Pulse, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        newcomer = await town.resident(session, topics=(Topic.DIGEST,))
    async with runtime.sessions.read() as session:
        await answering.questionnaire(session, pulse.id, newcomer.id, now=now)
        assert await session.scalar(sa.select(sa.func.count()).select_from(Invitation)) == 1
    async with runtime.sessions.write() as session:
        for _ in range(2):
            await answering.ask(session, pulse.id, newcomer.id, now=now)
        assert await session.scalar(sa.select(sa.func.count()).select_from(Invitation)) == 2


async def test_who_moved_away_after_being_asked_still_answers_for_the_old_ward(runtime: Runtime, town: Town, pulse: Pulse) -> None:
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Resident).values(ward_id=town.wards[FULWELL]))
    await pulse.answer(pulse.single.id, SKIP)
    assert (await pulse.response()).ward_id == town.wards[SOUTHWICK]


async def test_closing_and_answering_at_once_loses_no_answer(pulse: Pulse) -> None:
    async def close() -> None:
        async with pulse.runtime.sessions.write() as session:
            await closing.close(session, pulse.id, now=pulse.now)

    async def answer() -> bool:
        try:
            await pulse.answer(pulse.single.id, SKIP)
        except InTouchError:
            return False
        return True

    _, was_stored = await asyncio.gather(close(), answer())
    assert len(await pulse.rows()) == was_stored
    response = (await pulse.response()) if was_stored else None
    assert response is None or response.thanked_at == pulse.now
