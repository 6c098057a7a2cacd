"""Officers' results in the chat: the surveys that run or closed lately, and what each came to, small numbers hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from intouch.bot.turn import Handler, Reply, Turn, old_button
from intouch.errors import NotAllowed
from intouch.surveys import listing
from intouch.surveys import results as outcome
from intouch.surveys.results import PlaceResults, SurveyResults
from intouch.templating import TELEGRAM_TEXT_LIMIT


async def results(turn: Turn) -> Reply:
    """/results: open surveys first, with how many answered so far."""
    _refuse_others(turn)
    surveys = await listing.for_officers(turn.session)
    told = [await outcome.results(turn.session, survey.id, smallest=_smallest(turn)) for survey in surveys[:10]]
    return turn.say("officers/results", edits=True, surveys=told)


async def tap(turn: Turn) -> Reply:
    """``results:list``, ``results:see:SURVEY`` for everybody, ``results:ward:SURVEY:WARD`` for one ward."""
    _refuse_others(turn)
    handler = _TAPS.get(turn.word(0))
    if handler is None:
        raise old_button()
    return await handler(turn)


async def _told(turn: Turn) -> SurveyResults:
    return await outcome.results(turn.session, turn.number(1), smallest=_smallest(turn))


async def _see(turn: Turn) -> Reply:
    told = await _told(turn)
    return _fitting(turn, told, told.city)


async def _ward(turn: Turn) -> Reply:
    told = await _told(turn)
    place = told.of_ward(turn.number(2))
    if place is None:
        raise old_button()
    return _fitting(turn, told, place)


def _fitting(turn: Turn, told: SurveyResults, place: PlaceResults) -> Reply:
    """The results with as many questions as Telegram takes; the command line and the web page have them all."""
    for kept in range(len(place.questions), -1, -1):
        shorter = replace(place, questions=place.questions[:kept])
        reply = turn.say("officers/result", edits=True, survey=told, place=shorter, more=len(place.questions) - kept)
        if reply.message is None or len(reply.message.text.encode("utf-16-le")) // 2 <= TELEGRAM_TEXT_LIMIT:
            return reply
    raise RuntimeError("a survey's title alone fits into a message")


def _smallest(turn: Turn) -> int:
    return turn.runtime.settings.smallest_count


def _refuse_others(turn: Turn) -> None:
    if turn.officer is None:
        raise NotAllowed("This is for the council's officers.")


_TAPS: Mapping[str, Handler] = {"list": results, "see": _see, "ward": _ward}
