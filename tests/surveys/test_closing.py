"""Closing: everybody who answered hears once what their ward said, and nobody else."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from intouch.errors import BadInput, Closed, NotFound
from intouch.letters import Letter, Letters
from intouch.outbox.models import Delivery
from intouch.outbox.rendering import Rendered, Unwanted
from intouch.residents import preferences
from intouch.residents.models import Channel, Resident, ResidentStatus, Subscription, Topic
from intouch.runtime import Runtime
from intouch.surveys import answer_links, answering, closing, invitations, launch, listing, outcomes, results
from intouch.surveys.filling_in import Given
from intouch.surveys.models import AnswerKind, QuestionType, Response, Survey, SurveyStatus
from intouch.surveys.plan import QuestionPlan, SurveyPlan
from intouch.templating import TelegramMessage
from tests.surveys.conftest import FULWELL, ROKER, SOUTHWICK, Town

WARDS = (SOUTHWICK, FULWELL, ROKER)


async def _survey(runtime: Runtime, plan: SurveyPlan, now: datetime) -> int:
    async with runtime.sessions.write() as session:
        survey = await launch.create(session, plan, now=now)
        await launch.launch(session, survey.id, now=now)
        return survey.id


async def _answer(runtime: Runtime, survey_id: int, who: Resident, choice: int, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        first = (await answering.questionnaire(session, survey_id, who.id, now=now)).questions[0]
        await answering.answer(session, Given(who.id, first.id, AnswerKind.OPTION, (first.choices[choice].id,)), now=now)


async def _close(runtime: Runtime, survey_id: int, now: datetime) -> int:
    async with runtime.sessions.write() as session:
        return await closing.close(session, survey_id, now=now)


async def _rendered(runtime: Runtime, kind: str) -> dict[str, Rendered]:
    """What each delivery of this kind becomes, by its owner."""
    letters = Letters(runtime.templates)
    render = (
        invitations.renderer(runtime.templates, runtime.links, letters, runtime.clock)
        if kind == launch.INVITATION
        else outcomes.renderer(runtime.templates, runtime.links, letters, smallest=5)
    )
    async with runtime.sessions.read() as session:
        deliveries = list(await session.scalars(sa.select(Delivery).where(Delivery.kind == kind)))
        made = await render(session, deliveries)
        return {delivery.owner or "": made[delivery.id] for delivery in deliveries}


@pytest.fixture
def single(plan: SurveyPlan) -> SurveyPlan:
    return replace(plan, questions=plan.questions[:1])


async def test_everybody_who_answered_is_told_once(runtime: Runtime, town: Town, single: SurveyPlan, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        alice, silent = await town.resident(session), await town.resident(session)
        grace, gone = await town.resident(session, channel=Channel.EMAIL), await town.resident(session)
    survey_id = await _survey(runtime, single, now)
    for who in (alice, grace, gone):
        await _answer(runtime, survey_id, who, 0, now)
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Resident).where(Resident.id == gone.id).values(status=ResidentStatus.STOPPED))
    told = await asyncio.gather(*(_close(runtime, survey_id, now) for _ in range(5)))
    assert sorted(told) == [0, 0, 0, 0, 2]
    assert set(await _rendered(runtime, closing.OUTCOME)) == {f"resident:{alice.id}", f"resident:{grace.id}"}
    assert f"resident:{silent.id}" not in await _rendered(runtime, closing.OUTCOME)


async def _ends_emails(runtime: Runtime, who: Resident, topic: Topic, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        assert await preferences.unsubscribe(session, who.id, topic=topic, now=now) == 1


async def test_who_ended_surveys_by_email_is_not_written_to_but_told_in_the_chat(
    runtime: Runtime, town: Town, single: SurveyPlan, now: datetime
) -> None:
    async with runtime.sessions.write() as session:
        grace = await town.resident(session, channel=Channel.EMAIL, topics=(Topic.SURVEYS, Topic.DIGEST, Topic.SOUNDING_BOARD))
        reader = await town.resident(session, channel=Channel.EMAIL, topics=(Topic.DIGEST,))
        alice = await town.resident(session)
        alice.email, alice.email_confirmed_at = "alice@example.org", now
        session.add(Subscription(resident_id=alice.id, topic=Topic.SURVEYS, channel=Channel.EMAIL, started_at=now))
    survey_id = await _survey(runtime, single, now)
    for who in (grace, reader, alice):
        await _answer(runtime, survey_id, who, 0, now)
    for who in (grace, alice):
        await _ends_emails(runtime, who, Topic.SURVEYS, now)
    assert await _close(runtime, survey_id, now) == 1
    (message,) = (await _rendered(runtime, closing.OUTCOME)).values()
    assert isinstance(message, TelegramMessage)
    async with runtime.sessions.read() as session:
        thanked = await session.scalars(sa.select(Response.resident_id).where(Response.thanked_at.is_not(None)))
        assert list(thanked) == [alice.id]


@pytest.mark.parametrize("for_board", [False, True])
async def test_the_letter_on_what_was_said_ends_with_one_tap_even_while_it_waits(
    runtime: Runtime, town: Town, single: SurveyPlan, now: datetime, for_board: bool
) -> None:
    topic = Topic.SOUNDING_BOARD if for_board else Topic.SURVEYS
    async with runtime.sessions.write() as session:
        grace, hopper = [await town.resident(session, channel=Channel.EMAIL, topics=(topic, Topic.DIGEST)) for _ in range(2)]
    survey_id = await _survey(runtime, replace(single, is_for_sounding_board=for_board), now)
    for who in (grace, hopper):
        await _answer(runtime, survey_id, who, 0, now)
    assert await _close(runtime, survey_id, now) == 2
    await _ends_emails(runtime, hopper, topic, now)
    made = await _rendered(runtime, closing.OUTCOME)
    letter = made[f"resident:{grace.id}"]
    assert isinstance(letter, Letter) and isinstance(made[f"resident:{hopper.id}"], Unwanted)
    url = runtime.links.url("unsubscribe", "unsubscribe", grace.id, topic.value)
    assert (letter.headers["List-Unsubscribe"], letter.headers["List-Unsubscribe-Post"]) == (f"<{url}>", "List-Unsubscribe=One-Click")
    assert url in letter.html and url in letter.text


async def test_a_letter_to_an_address_that_changed_since_is_not_sent(
    runtime: Runtime, town: Town, single: SurveyPlan, now: datetime
) -> None:
    async with runtime.sessions.write() as session:
        grace = await town.resident(session, channel=Channel.EMAIL)
    survey_id = await _survey(runtime, single, now)
    await _answer(runtime, survey_id, grace, 0, now)
    await _close(runtime, survey_id, now)
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Resident).where(Resident.id == grace.id).values(email="new@example.org"))
    assert isinstance((await _rendered(runtime, closing.OUTCOME))[f"resident:{grace.id}"], Unwanted)


async def test_a_title_that_is_the_question_is_said_once(runtime: Runtime, town: Town, single: SurveyPlan, now: datetime) -> None:
    ask = single.questions[0].text
    async with runtime.sessions.write() as session:
        people = [await town.resident(session, channel=Channel.EMAIL) for _ in range(6)]
    survey_id = await _survey(runtime, replace(single, title=ask[:20] + "…"), now)
    invited = (await _rendered(runtime, launch.INVITATION))[f"resident:{people[0].id}"]
    for who in people:
        await _answer(runtime, survey_id, who, 0, now)
    await _close(runtime, survey_id, now)
    told = (await _rendered(runtime, closing.OUTCOME))[f"resident:{people[0].id}"]
    for letter in (invited, told):
        assert isinstance(letter, Letter)
        text = letter.html.partition("</h1>")[0].rpartition("<h1")[2] + letter.html.partition("</h1>")[2]
        assert text.count(ask) == 1 and letter.text.count(ask) == 1 and ask[:20] + "…" not in text + letter.text


async def test_a_tick_closes_and_publishes_what_is_due_and_nothing_else(
    runtime: Runtime, town: Town, single: SurveyPlan, now: datetime
) -> None:
    due = await _survey(runtime, single, now)
    later = await _survey(runtime, replace(single, closes_at=now + timedelta(days=20)), now)
    then = single.closes_at
    for expected in (1, 0):
        async with runtime.sessions.write() as session:
            assert await closing.close_due(session, now=then) == expected
    async with runtime.sessions.read() as session:
        closed, still_open = await session.get(Survey, due), await session.get(Survey, later)
        assert closed is not None and still_open is not None
        assert (closed.status, closed.closed_at, closed.published_at) == (SurveyStatus.PUBLISHED, then, then)
        assert still_open.status is SurveyStatus.OPEN


async def test_only_what_is_closed_is_published_and_only_what_is_open_closed(
    runtime: Runtime, town: Town, single: SurveyPlan, now: datetime
) -> None:
    survey_id = await _survey(runtime, single, now)
    async with runtime.sessions.write() as session:
        draft = await launch.create(session, single, now=now)
        with pytest.raises(Closed, match="still open"):
            await closing.publish(session, survey_id, now=now)
        with pytest.raises(BadInput, match="still being written"):
            await closing.close(session, draft.id, now=now)


async def test_each_hears_of_their_ward_or_of_the_area_when_too_few_answered_there(
    runtime: Runtime, town: Town, single: SurveyPlan, now: datetime
) -> None:
    people: dict[str, list[Resident]] = {}
    async with runtime.sessions.write() as session:
        for ward, number in ((SOUTHWICK, 12), (FULWELL, 14), (ROKER, 20)):
            people[ward] = [await town.resident(session, ward) for _ in range(number)]
        grace = await town.resident(session, ROKER, channel=Channel.EMAIL)
    survey_id = await _survey(runtime, single, now)
    for ward, yes in ((SOUTHWICK, 10), (FULWELL, 7), (ROKER, 10)):
        for at, who in enumerate(people[ward]):
            await _answer(runtime, survey_id, who, 0 if at < yes else 1, now)
    await _answer(runtime, survey_id, grace, 0, now)
    await _close(runtime, survey_id, now)
    made = await _rendered(runtime, closing.OUTCOME)
    southwick, roker = made[f"resident:{people[SOUTHWICK][0].id}"], made[f"resident:{people[ROKER][0].id}"]
    letter = made[f"resident:{grace.id}"]
    assert isinstance(southwick, TelegramMessage) and isinstance(roker, TelegramMessage) and isinstance(letter, Letter)
    assert "Too few people in Southwick answered" in southwick.text and "In your area, North" in southwick.text
    assert "<b>65%</b> (17; likely" in southwick.text and "26 of 26 people asked took part." in southwick.text
    assert "In your ward, Roker" in roker.text and "<b>52%</b> (11; likely" in roker.text
    assert "chose to take part" in roker.text and f"/results/{survey_id}" in roker.buttons[0][0].url
    for body in (letter.html, letter.text):
        assert "Roker" in body and "52%" in body and "chose to take part" in body


async def test_where_hardly_anybody_answered_they_are_told_why_there_are_no_numbers(
    runtime: Runtime, town: Town, single: SurveyPlan, now: datetime
) -> None:
    async with runtime.sessions.write() as session:
        alice = await town.resident(session)
    survey_id = await _survey(runtime, single, now)
    await _answer(runtime, survey_id, alice, 0, now)
    await _close(runtime, survey_id, now)
    message = (await _rendered(runtime, closing.OUTCOME))[f"resident:{alice.id}"]
    assert isinstance(message, TelegramMessage) and "never show fewer than 5 people" in message.text and "100%" not in message.text


async def test_an_outcome_of_many_long_questions_fits_into_a_message(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> None:
    options = tuple(f"{number} " + "🗑" * 40 for number in range(10))
    long = replace(plan, questions=tuple(QuestionPlan(f"{number} " + "<&" * 140, QuestionType.SINGLE, options) for number in range(10)))
    async with runtime.sessions.write() as session:
        people = [await town.resident(session) for _ in range(6)]
    survey_id = await _survey(runtime, long, now)
    for who in people:
        await _answer(runtime, survey_id, who, 0, now)
    await _close(runtime, survey_id, now)
    message = (await _rendered(runtime, closing.OUTCOME))[f"resident:{people[0].id}"]
    assert isinstance(message, TelegramMessage)
    assert len(message.text.encode("utf-16-le")) // 2 <= 4096 and "more questions are on the results page" in message.text


async def test_an_invitation_is_not_wanted_any_more_once_it_makes_no_sense(
    runtime: Runtime, town: Town, single: SurveyPlan, now: datetime
) -> None:
    async with runtime.sessions.write() as session:
        people = [await town.resident(session) for _ in range(5)]
    survey_id = await _survey(runtime, replace(single, wards=(SOUTHWICK,)), now)
    _, stopped, moved, _answered, erased = (who.id for who in people)
    await _answer(runtime, survey_id, people[3], 0, now)
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Resident).where(Resident.id == stopped).values(status=ResidentStatus.STOPPED))
        await session.execute(sa.update(Resident).where(Resident.id == moved).values(ward_id=town.wards[ROKER]))
        await session.execute(sa.update(Delivery).where(Delivery.owner == f"resident:{erased}").values(owner=None, payload={}))
    made = await _rendered(runtime, launch.INVITATION)
    assert [owner for owner, one in made.items() if isinstance(one, TelegramMessage)] == [f"resident:{people[0].id}"]
    await _close(runtime, survey_id, now)
    made = await _rendered(runtime, launch.INVITATION)
    assert all(isinstance(one, Unwanted) for one in made.values())


async def test_who_is_asked_by_email_gets_a_link_for_each_answer(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        grace = await town.resident(session, ROKER, channel=Channel.EMAIL)
    survey_id = await _survey(runtime, plan, now)
    letter = (await _rendered(runtime, launch.INVITATION))[f"resident:{grace.id}"]
    assert isinstance(letter, Letter)
    async with runtime.sessions.read() as session:
        first = (await answering.questionnaire(session, survey_id, grace.id, now=now)).questions[0]
    for choice in (first.choices[0].id, first.choices[1].id, 0):
        url = runtime.links.public_url + answer_links.path(runtime.links.token("answer", survey_id, grace.id), first.id, choice)
        assert url in letter.html and url in letter.text
    assert letter.subject == "Your view, please: Bins in Southwick"
    assert letter.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "3 more short questions" in letter.html


async def test_a_survey_that_waits_for_its_time_can_be_taken_back(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> None:
    later = replace(plan, opens_at=now + timedelta(days=1), file_hash="a-file")
    survey_id = await _survey(runtime, later, now)
    async with runtime.sessions.write() as session:
        assert await closing.cancel(session, survey_id, now=now)
    async with runtime.sessions.write() as session:
        assert await closing.cancel(session, survey_id, now=now), "twice is once"
        assert await launch.open_due(session, now=now + timedelta(days=2)) == 0
        with pytest.raises(Closed, match="was cancelled before it opened"):
            await launch.launch(session, survey_id, now=now)
        with pytest.raises(NotFound, match="no results"):
            await results.results(session, survey_id, smallest=5)
        assert await listing.for_officers(session) == []
        assert await listing.closed_between(session, start=now, end=now + timedelta(days=9), ward_id=town.wards[SOUTHWICK]) == []
        again = await launch.create(session, later, now=now)
        assert again.id != survey_id, "the same file may be launched once more"


async def test_only_a_survey_that_waits_is_taken_back(runtime: Runtime, town: Town, plan: SurveyPlan, now: datetime) -> None:
    survey_id = await _survey(runtime, plan, now)
    async with runtime.sessions.write() as session:
        draft = await launch.create(session, plan, now=now)
    async with runtime.sessions.write() as session:
        assert not await closing.cancel(session, survey_id, now=now)
        assert not await closing.cancel(session, draft.id, now=now)
