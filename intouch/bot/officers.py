"""Officers in the chat: launching a pulse survey in one short dialogue, and seeing how surveys go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from intouch.bot import officers_preview, officers_results
from intouch.bot.turn import Content, Conversation, Handler, Reply, Turn, old_button
from intouch.council.models import Officer
from intouch.errors import BadInput, NotAllowed, NotFound
from intouch.places import lookup
from intouch.places.models import Ward
from intouch.residents import dialogues
from intouch.residents.models import DialogueKind
from intouch.surveys import drafts
from intouch.surveys import launch as launching
from intouch.surveys.models import QuestionType, Survey

_DAYS = (3, 7, 14)
_CLOSES = time(18, 0)  # council time
_KINDS = {"scale": QuestionType.SCALE, "text": QuestionType.TEXT, "several": QuestionType.MULTIPLE}

results = officers_results.results


def _officer(turn: Turn) -> Officer:
    if turn.officer is None:
        raise NotAllowed("This is for the council's officers.")
    return turn.officer


async def launch(turn: Turn) -> Reply:
    """/launch: go on with the draft where it was left, or begin one."""
    survey = await drafts.begin(turn.session, officer_id=_officer(turn).id, now=turn.now)
    return await _next(turn, survey)


async def tap(turn: Turn) -> Reply:
    """A button of the dialogue, or of the results."""
    if turn.incoming.data[0] == "results":
        return await officers_results.tap(turn)
    handler = _TAPS.get(turn.word(0))
    if handler is None:
        raise old_button()
    return await handler(turn)


async def _draft(turn: Turn, survey_id: int) -> Survey:
    return await drafts.editable(turn.session, survey_id, officer_id=_officer(turn).id)


async def _next(turn: Turn, survey: Survey) -> Reply:
    """What the rows still lack: the question, its answers, the audience, the closing time; with all of them, the preview."""
    await dialogues.begin(turn.session, turn.telegram_id, DialogueKind.LAUNCH, survey.id, now=turn.now)
    if not survey.title:
        return turn.say("officers/ask_question", edits=True, survey=survey)
    question = await drafts.question_of(turn.session, survey.id)
    if question is None:
        return turn.say("officers/ask_answers", edits=True, survey=survey)
    if await drafts.lacks_options(turn.session, question):
        return turn.say("officers/ask_options", edits=True, survey=survey)
    if not survey.is_audience_chosen:
        return turn.say("officers/ask_audience", edits=True, survey=survey)
    if survey.closes_at is None or survey.closes_at <= turn.now:
        return turn.say("officers/ask_closing", edits=True, survey=survey, days=_DAYS)
    return await officers_preview.show(turn, survey)


async def _sample(turn: Turn) -> Reply:
    return Reply(toast=turn.runtime.templates.text("telegram/officers/sample.html").strip())


async def _answers(turn: Turn) -> Reply:
    survey, word = await _draft(turn, turn.number(1)), turn.word(2)
    if word == "yesno":
        yes_no = turn.runtime.templates.text("telegram/officers/yes_no.html")
        await drafts.set_answers(turn.session, survey, QuestionType.SINGLE, drafts.read_options(yes_no))
    elif word in _KINDS:
        await drafts.set_answers(turn.session, survey, _KINDS[word])
    else:
        raise old_button()
    return await _next(turn, survey)


async def _everybody(turn: Turn) -> Reply:
    survey = await _draft(turn, turn.number(1))
    await drafts.set_audience(turn.session, survey, [])
    return await _next(turn, survey)


async def _board(turn: Turn) -> Reply:
    survey = await _draft(turn, turn.number(1))
    await drafts.set_audience(turn.session, survey, [], is_for_sounding_board=True)
    return await _next(turn, survey)


async def _areas(turn: Turn) -> Reply:
    """Which area; or straight to the wards where there are no areas."""
    survey = await _draft(turn, turn.number(1))
    areas = await lookup.areas(turn.session, on=_today(turn))
    if not areas:
        wards = await lookup.wards(turn.session, on=_today(turn))
        return turn.say("officers/ask_ward", edits=True, survey=survey, area=None, wards=wards)
    return turn.say("officers/ask_area", edits=True, survey=survey, areas=areas)


async def _wards(turn: Turn) -> Reply:
    survey = await _draft(turn, turn.number(1))
    area = next((one for one in await lookup.areas(turn.session, on=_today(turn)) if one.id == turn.number(2)), None)
    if area is None:
        raise old_button()
    wards = await lookup.wards(turn.session, on=_today(turn), area_id=area.id)
    return turn.say("officers/ask_ward", edits=True, survey=survey, area=area, wards=wards)


async def _area(turn: Turn) -> Reply:
    wards = await lookup.wards(turn.session, on=_today(turn), area_id=turn.number(2))
    return await _ask_wards(turn, wards)


async def _ward(turn: Turn) -> Reply:
    wards = await lookup.wards(turn.session, on=_today(turn))
    return await _ask_wards(turn, [ward for ward in wards if ward.id == turn.number(2)])


async def _ask_wards(turn: Turn, wards: list[Ward]) -> Reply:
    if not wards:
        raise old_button()
    survey = await _draft(turn, turn.number(1))
    await drafts.set_audience(turn.session, survey, sorted(ward.code for ward in wards))
    return await _next(turn, survey)


async def _days(turn: Turn) -> Reply:
    survey, days = await _draft(turn, turn.number(1)), turn.number(2)
    if days not in _DAYS:
        raise old_button()
    zone = turn.runtime.settings.zone
    survey.closes_at = datetime.combine(turn.now.astimezone(zone).date() + timedelta(days=days), _CLOSES, tzinfo=zone)
    await turn.session.flush()
    return await _next(turn, survey)


async def _go(turn: Turn) -> Reply:
    """Launch what the preview above the button showed, once however often it is tapped: whoever taps again reads the same."""
    try:
        survey = await launching.locked(turn.session, turn.number(1))
    except NotFound:
        raise NotFound(drafts.GONE) from None
    if survey.officer_id != _officer(turn).id:
        raise old_button()
    if survey.launched_at is None:
        survey = await _draft(turn, survey.id)
        if turn.data[2:] != (await officers_preview.fingerprint(turn, survey),):
            return await _outdated(turn, survey)
        if survey.closes_at is None or survey.closes_at <= turn.now or not survey.is_audience_chosen:
            return await _next(turn, survey)
        await launching.launch(turn.session, survey.id, now=turn.now)
    await _stop_listening(turn)
    asked = await launching.invited(turn.session, survey.id)
    return turn.say("officers/launched", edits=True, survey=survey, asked=asked)


async def _outdated(turn: Turn, survey: Survey) -> Reply:
    """In place of the outdated button a sentence, and below it the draft as it is now."""
    current = await _next(turn, survey)
    return turn.say("officers/changed", edits=True).then(replace(current, edits=False))


async def _change(turn: Turn) -> Reply:
    """What to change; or forget that part, and ask for it again."""
    survey = await _draft(turn, turn.number(1))
    if len(turn.data) < 3:
        return turn.say("officers/change", edits=True, survey=survey)
    if turn.word(2) == "question":
        survey.title = ""
    elif turn.word(2) == "answers":
        await drafts.forget_answers(turn.session, survey)
    elif turn.word(2) == "audience":
        survey.is_audience_chosen = False
    elif turn.word(2) == "closing":
        survey.closes_at = None
    else:
        raise old_button()
    await turn.session.flush()
    return await _next(turn, survey)


async def _see(turn: Turn) -> Reply:
    return await _next(turn, await _draft(turn, turn.number(1)))


async def _discard(turn: Turn) -> Reply:
    await drafts.discard(turn.session, await _draft(turn, turn.number(1)))
    await _stop_listening(turn)
    return turn.say("officers/cancelled", edits=True)


async def _stop_listening(turn: Turn) -> None:
    dialogue = await dialogues.current(turn.session, turn.telegram_id)
    if dialogue is not None and dialogue.kind is DialogueKind.LAUNCH:
        await dialogues.end(turn.session, turn.telegram_id)


def _today(turn: Turn) -> date:
    return turn.now.astimezone(turn.runtime.settings.zone).date()


async def _heard(turn: Turn) -> Survey:
    return await _draft(turn, (turn.dialogue.subject_id if turn.dialogue else None) or 0)


async def _hear(turn: Turn) -> Reply:
    """The question, or its answers one a line; everything later is asked with buttons."""
    survey = await _heard(turn)
    if turn.incoming.content is not Content.TEXT:
        return turn.say("officers/in_words").then(await _next(turn, survey))
    try:
        is_heard = await _take_words(turn, survey)
    except BadInput as error:
        return turn.say("help/sorry", sentence=str(error)).then(await _next(turn, survey))
    reply = await _next(turn, survey)
    return reply if is_heard else turn.say("officers/use_buttons").then(reply)


async def _take_words(turn: Turn, survey: Survey) -> bool:
    """Whether words are what was asked for; raises ``BadInput`` before anything is changed."""
    if not survey.title:
        await drafts.set_question(turn.session, survey, turn.text)
        return True
    question = await drafts.question_of(turn.session, survey.id)
    if question is not None and not await drafts.lacks_options(turn.session, question):
        return False
    kind = question.type if question else QuestionType.SINGLE
    await drafts.set_answers(turn.session, survey, kind, drafts.read_options(turn.text))
    return True


async def _ask(turn: Turn) -> Reply:
    return await _next(turn, await _heard(turn))


async def _cancel(turn: Turn) -> Reply:
    await drafts.discard(turn.session, await _heard(turn))
    return turn.say("officers/cancelled")


_TAPS: Mapping[str, Handler] = {
    "new": launch,
    "see": _see,
    "answers": _answers,
    "all": _everybody,
    "board": _board,
    "areas": _areas,
    "wards": _wards,
    "area": _area,
    "ward": _ward,
    "days": _days,
    "go": _go,
    "change": _change,
    "discard": _discard,
    "sample": _sample,
}

LAUNCH = Conversation(hear=_hear, ask=_ask, cancel=_cancel)
