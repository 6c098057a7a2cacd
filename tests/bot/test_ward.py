"""Ward: /digest, /ward and /brief as a person sees them, without a wire, on a real database."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest

from intouch.bot import ward
from intouch.bot.turn import Content, Handler, Incoming, Reply, Turn
from intouch.council.models import Councillor, ResponseTeam
from intouch.digest.rendering import shown as shown_
from intouch.errors import BadInput
from intouch.outbox.models import DeadAddress, Road
from intouch.residents import reaching, subscriptions
from intouch.residents.models import Channel, Resident, Topic
from intouch.runtime import Runtime
from intouch.surveys import answering
from intouch.surveys.filling_in import Given
from intouch.surveys.models import AnswerKind
from intouch.templating import TELEGRAM_TEXT_LIMIT
from tests.digest import cases, writing
from tests.digest.conftest import Town
from tests.digest.conftest import town as town  # noqa: PLC0414 - the same two wards as the digest's own tests

_updates = count(1)
DAY = timedelta(days=1)


async def act(runtime: Runtime, handler: Handler, resident_id: int | None, *data: str, councillor_id: int | None = None) -> Reply:
    content = Content.TAP if data else Content.COMMAND
    what = Incoming(next(_updates), 7001, "Alice", "en", content, data=("ward", *data) if data else ())
    async with runtime.sessions.write() as session:
        turn = Turn(runtime, session, what, runtime.now())
        turn.resident = await session.get(Resident, resident_id) if resident_id else None
        turn.councillor = await session.get(Councillor, councillor_id) if councillor_id else None
        return await handler(turn)


def text(reply: Reply) -> str:
    assert reply.message is not None
    assert len(reply.message.text) <= TELEGRAM_TEXT_LIMIT
    return reply.message.text


def buttons(reply: Reply) -> dict[str, str]:
    assert reply.message is not None
    return {button.label: button.data or button.url for row in reply.message.buttons for button in row}


async def test_the_digest_of_a_quiet_week_says_so_and_offers_a_way_on(runtime: Runtime, town: Town) -> None:
    reply = await act(runtime, ward.digest, await town.subscriber())
    assert "Nothing new this week" in text(reply)
    assert buttons(reply) == {"Stop the weekly email": "ward:unsubscribe", "My ward": "ward:ward"}


async def test_the_digest_shows_what_goes_on_and_opens_surveys(runtime: Runtime, town: Town) -> None:
    now = runtime.now()
    survey_id = await writing.survey(runtime, opened_at=now - DAY)
    await writing.survey(runtime, opened_at=now - 3 * DAY, closed_at=now - DAY, answers={town.southwick: (21, 10), town.fulwell: (9, 9)})
    await writing.report(runtime, "SR-7K3M2", town.southwick, at=now - DAY)
    await writing.notice(runtime, "<b>Road</b> & works", on=date(2026, 11, 20), ward_id=None, created_at=now)
    reply = await act(runtime, ward.digest, await town.subscriber())
    said = text(reply)
    assert "&lt;b&gt;Road&lt;/b&gt; &amp; works, Friday 20 November" in said
    assert "• Yes: 68%" in said and "1 problem reported, 0 fixed." in said
    assert buttons(reply)["A crossing at the Green"] == f"survey:see:{survey_id}"


async def test_who_has_answered_is_not_asked_again(runtime: Runtime, town: Town) -> None:
    survey_id = await writing.survey(runtime, opened_at=runtime.now() - DAY)
    resident_id = await town.subscriber()
    assert "Can we ask you something?" in text(await act(runtime, ward.digest, resident_id))
    async with runtime.sessions.write() as session:
        form = await answering.ask(session, survey_id, resident_id, now=runtime.now())
        (question,) = form.questions
        await answering.answer(session, Given(resident_id, question.id, AnswerKind.SKIP), now=runtime.now())
    assert "Nothing new this week" in text(await act(runtime, ward.digest, resident_id))


async def test_the_weekly_email_is_stopped_and_started_with_one_tap_however_often(runtime: Runtime, town: Town) -> None:
    alice = await town.subscriber()
    for _ in range(2):
        assert "Send it by email every week" in buttons(await act(runtime, ward.tap, alice, "unsubscribe"))
    for _ in range(2):
        reply = await act(runtime, ward.tap, alice, "subscribe")
        assert "Stop the weekly email" in buttons(reply)
        assert reply.edits


async def test_without_a_confirmed_address_the_way_on_is_to_add_one(runtime: Runtime, town: Town) -> None:
    alice = await town.subscriber()
    async with runtime.sessions.write() as session:
        resident = await session.get_one(Resident, alice)
        resident.email, resident.email_confirmed_at = None, None
    assert "account:email" in buttons(await act(runtime, ward.tap, alice, "subscribe")).values()


async def test_an_address_that_letters_come_back_from_is_asked_for_anew(runtime: Runtime, town: Town) -> None:
    alice = await town.subscriber()
    async with runtime.sessions.write() as session:
        address = (await session.get_one(Resident, alice)).email
        assert address is not None
        session.add(DeadAddress(road=Road.EMAIL, address=address, reason="550", died_at=runtime.now()))
        await reaching.email_gone(session, address, now=runtime.now())
    reply = await act(runtime, ward.digest, alice)
    assert "came back" in text(reply) and buttons(reply)["Change my email"] == "account:email"
    reply = await act(runtime, ward.tap, alice, "subscribe")
    assert "come back" in text(reply) and "Which email address" in text(reply)
    async with runtime.sessions.read() as session:
        assert not await subscriptions.has(session, alice, topic=Topic.DIGEST, channel=Channel.EMAIL)


async def test_the_ward_shows_who_speaks_for_it_and_who_mends_things(runtime: Runtime, town: Town) -> None:
    alice = await town.subscriber()
    await town.councillor(name="Carl <Cllr>")
    await town.add(ResponseTeam(name="North team"))
    await writing.report(runtime, "SR-7K3M2", town.southwick, at=runtime.now() - DAY)
    await writing.survey(runtime, opened_at=runtime.now() - DAY)
    reply = await act(runtime, ward.ward, alice)
    said = text(reply)
    for part in ("<b>Southwick</b>", "Carl &lt;Cllr&gt;", "North team", "1 report is being looked at, 0 fixed so far.", "/survey"):
        assert part in said
    assert "signed up" not in said  # one person is too few to be counted
    assert buttons(reply)["Change my ward"] == "account:ward"
    assert buttons(reply)["Results"] == "http://127.0.0.1:8000/results"


async def test_the_ward_says_about_how_many_neighbours_there_are(runtime: Runtime, town: Town) -> None:
    for _ in range(6):
        alice = await town.subscriber()
    assert "At least 5 neighbours have signed up." in text(await act(runtime, ward.ward, alice))


async def test_who_has_no_ward_is_asked_for_it(runtime: Runtime, town: Town) -> None:
    alice = await town.subscriber()
    async with runtime.sessions.write() as session:
        (await session.get_one(Resident, alice)).ward_id = None
    for handler in (ward.digest, ward.ward):
        assert "account:ward" in buttons(await act(runtime, handler, alice)).values()


async def test_a_linked_councillor_gets_the_briefing(runtime: Runtime, town: Town) -> None:
    carl = await town.councillor(telegram_id=4711)
    assert "Nothing yet" in text(await act(runtime, ward.brief, None, councillor_id=carl))
    await writing.report(runtime, "SR-7K3M2", town.southwick, at=runtime.now() - 20 * DAY)
    said = text(await act(runtime, ward.brief, None, councillor_id=carl))
    assert "Ask the response team about SR-7K3M2 (Litter). It has waited 20 days." in said


@pytest.mark.parametrize("data", ["nonsense", "", "digest1"])
async def test_a_made_up_button_is_refused_kindly(runtime: Runtime, town: Town, data: str) -> None:
    with pytest.raises(BadInput, match="old message"):
        await act(runtime, ward.tap, await town.subscriber(), data)


def test_the_longest_and_worst_digest_fits_one_message(templates_of: Any) -> None:
    contents = ward._short(cases.LARGE) | {"ward": cases.HOSTILE, "is_subscribed": False, "has_email": False}
    for parts in (contents, ward._short(cases.HOSTILE_DIGEST) | {"ward": cases.HOSTILE, "is_subscribed": True, "has_email": True}):
        message = templates_of.telegram("ward/digest", **parts)
        assert len(message.text) <= TELEGRAM_TEXT_LIMIT
        assert "<script" not in message.text


def digest_text(templates: Any, **parts: Any) -> str:
    contents = ward._short(cases.digest(**parts)) | {"ward": "Southwick", "is_subscribed": True, "has_email": True}
    told: str = templates.telegram("ward/digest", **contents).text
    return told


def said_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {**cases.SAID, "more": 0, "questions": [{"text": "How?", "is_text": False, "said": 90, "rows": rows}]}


@pytest.mark.parametrize(("number", "shown", "rest"), [(5, 5, ""), (6, 6, ""), (7, 6, "and one more"), (10, 6, "and 4 more")])
def test_every_answer_of_a_scale_is_told_and_of_many_choices_how_many_more(templates_of: Any, number: int, shown: int, rest: str) -> None:
    labels = [f"Answer {at}" for at in range(1, number + 1)]
    in_digest = digest_text(templates_of, said=[said_of([{"label": label, "count": 9, "share": 0.1} for label in labels])])
    cell = {"share": 0.1, "low": 0.05, "high": 0.2}
    question = {**cases.COMPARED["questions"][0], "rows": [{"label": label, "cells": [cell]} for label in labels]}
    found = cases.briefing(surveys=[{**cases.COMPARED, "questions": [question]}])
    in_briefing = templates_of.telegram("ward/briefing", **shown_(found), name="Carl").text
    for said in (in_digest, in_briefing):
        assert [label for label in labels if f"• {label}: 10%" in said] == labels[:shown]
        assert ("more" in said) == bool(rest) and rest in said


def test_a_survey_without_a_number_to_show_says_so_in_one_line(templates_of: Any) -> None:
    question = {**cases.COMPARED["questions"][0], "rows": [{"label": "Yes", "cells": [None, {"share": 0.5, "low": 0.4, "high": 0.6}]}]}
    found = cases.briefing(surveys=[{**cases.COMPARED, "questions": [question]}])
    for said in (
        digest_text(templates_of, said=[said_of([])]),
        templates_of.telegram("ward/briefing", **shown_(found), name="Carl").text,
    ):
        assert "Too few people answered this to show what they said." in said
        assert "Yes" not in said


def test_a_briefing_says_only_once_that_too_few_answered(templates_of: Any) -> None:
    question = {**cases.COMPARED["questions"][0], "rows": []}
    found = cases.briefing(surveys=[{**cases.COMPARED, "answered": None, "questions": [question]}])
    assert templates_of.telegram("ward/briefing", **shown_(found), name="Carl").text.lower().count("too few") == 1


def test_what_people_wrote_is_counted_in_the_digest(templates_of: Any) -> None:
    question = {"text": "Where?", "is_text": True, "said": 12, "rows": []}
    assert "12 people wrote something in their own words." in digest_text(templates_of, said=[{**cases.SAID, "questions": [question]}])


@pytest.mark.parametrize(
    ("starts_on", "ends_on", "told"),
    [
        ("2026-11-22", "2026-12-02", "until Wednesday 2 December"),
        ("2026-11-20", "2026-12-02", "Friday 20 November to Wednesday 2 December"),
        ("2026-11-23", "2026-11-27", "Monday 23 November to Friday 27 November"),
        ("2026-11-23", "2026-11-23", "Monday 23 November"),
        ("2026-11-23", "", "Monday 23 November"),
        ("2026-11-01", "2026-11-20", "until Friday 20 November"),
    ],
)
def test_a_notice_is_told_with_its_last_day(templates_of: Any, starts_on: str, ends_on: str, told: str) -> None:
    on = "2026-11-30" if starts_on == "2026-11-22" else "2026-11-20"
    notice = {**cases.NOTICE, "title": "Road works", "starts_on": starts_on, "ends_on": ends_on}
    assert f"• Road works, {told}\n" in digest_text(templates_of, notices=[notice], on=on)


@pytest.fixture
def templates_of(runtime: Runtime) -> Any:
    return runtime.templates
