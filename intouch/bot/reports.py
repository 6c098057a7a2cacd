"""Reports: /report as a conversation, and /myreports."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

from intouch.bot import my_reports
from intouch.bot.turn import Content, Conversation, Reply, Turn, old_button
from intouch.errors import InTouchError, NotFound
from intouch.issues import categories, darkroom, following, reporting, wording
from intouch.issues.models import IssueReport
from intouch.issues.photos import CleanPhoto
from intouch.issues.reporting import Step
from intouch.places.models import Ward
from intouch.residents import dialogues
from intouch.residents.models import DialogueKind

_NO_MORE_PHOTOS = {"skip", "no", "none", "done", "no photo", "that's all"}

# What stands above the next question: which sentence of ``_note.html``, and what it needs.
Note = dict[str, Any]


async def report(turn: Turn) -> Reply:
    """/report: a new draft, or what to do with the one that is there. Words behind the command begin the description."""
    draft = await reporting.begin(turn.session, turn.known().id, now=turn.now)
    await _attend(turn, draft)
    if not reporting.is_empty(draft):
        return turn.say("reports/unfinished", report=draft, category=_categories(turn).name(draft.category) if draft.category else "")
    if wording.cleaned(turn.text) and turn.incoming.content is Content.COMMAND:
        return await _trying(turn, draft, _describe)
    return await _ask(turn, draft)


async def myreports(turn: Turn) -> Reply:
    """/myreports: what became of what I reported, newest first."""
    return await my_reports.show(turn)


async def tap(turn: Turn) -> Reply:
    """A button of ``report:…``."""
    action = _TAPS.get(turn.word(0))
    if action is None:
        raise old_button()
    return await action(turn)


async def _hear(turn: Turn) -> Reply:
    draft = await _open_draft(turn)
    if draft is None:
        return await _none_open(turn)
    content = turn.incoming.content
    if content is Content.PHOTO:
        return await _trying(turn, draft, _hear_photo)
    if content is Content.LOCATION:
        return await _trying(turn, draft, _hear_location)
    if content is Content.TEXT:
        return await _trying(turn, draft, _hear_text)
    return await _ask(turn, draft, _hint(draft))


async def _ask_again(turn: Turn) -> Reply:
    draft = await _open_draft(turn)
    return await _ask(turn, draft) if draft else await _none_open(turn)


async def _cancel(turn: Turn) -> Reply:
    draft = await _open_draft(turn)
    if draft is None:
        return await _none_open(turn)
    await reporting.cancel(turn.session, draft.id, resident_id=turn.known().id, now=turn.now)
    await dialogues.end(turn.session, turn.telegram_id)
    return turn.say("reports/cancelled", report=draft, was_tapped=False)


REPORT = Conversation(hear=_hear, ask=_ask_again, cancel=_cancel)


async def _none_open(turn: Turn) -> Reply:
    await dialogues.end(turn.session, turn.telegram_id)
    return turn.say("reports/none_open")


async def _open_draft(turn: Turn) -> IssueReport | None:
    found = await reporting.draft_of(turn.session, turn.known().id)
    return await reporting.draft(turn.session, found.id, resident_id=turn.known().id) if found else None


async def _trying(turn: Turn, draft: IssueReport, hear: Callable[[Turn, IssueReport], Awaitable[Reply]]) -> Reply:
    """What ``hear`` says; if it can't be done, why, and the same question again: the draft is as it was."""
    try:
        return await hear(turn, draft)
    except InTouchError as error:
        return await _ask(turn, draft, {"kind": "sentence", "sentence": str(error)})


async def _hear_photo(turn: Turn, draft: IssueReport) -> Reply:
    error = turn.extra.get("photo_error")
    if isinstance(error, InTouchError):
        raise error
    clean = turn.extra.get("clean_photo") or await darkroom.clean(turn.photo or b"")
    if not isinstance(clean, CleanPhoto):
        raise TypeError("turn.extra['clean_photo'] is no CleanPhoto")
    is_known = clean.digest in await reporting.photo_digests(turn.session, draft.id)
    number = await reporting.add_photo(turn.session, draft, clean, now=turn.now)
    if turn.text and not draft.description:
        await _keep_caption(turn, draft)
    kind = "same_photo" if is_known else "photo"
    return await _ask(turn, draft, {"kind": kind, "number": number, "most": reporting.MOST_PHOTOS})


async def _keep_caption(turn: Turn, draft: IssueReport) -> None:
    # A caption of nothing but spaces is no description; the photo is kept all the same.
    if wording.cleaned(turn.text):
        reporting.describe(draft, turn.text, now=turn.now)


async def _hear_location(turn: Turn, draft: IssueReport) -> Reply:
    longitude, latitude = turn.incoming.longitude, turn.incoming.latitude
    if longitude is None or latitude is None:
        return await _ask(turn, draft, _hint(draft))
    try:
        await reporting.place_at(turn.session, draft, longitude=longitude, latitude=latitude, on=_today(turn), now=turn.now)
    except NotFound:
        return await _ask(turn, draft, {"kind": "outside"})
    return await _after_place(turn, draft)


async def _hear_text(turn: Turn, draft: IssueReport) -> Reply:
    step = reporting.next_step(draft)
    if step is Step.DESCRIPTION:
        return await _describe(turn, draft)
    if step is Step.PLACE:
        await reporting.place_in_words(turn.session, draft, turn.text, on=_today(turn), now=turn.now)
        return await _after_place(turn, draft)
    if step is Step.CATEGORY and (named := _categories(turn).named(turn.text)):
        reporting.choose(draft, named.key, categories=_categories(turn), now=turn.now)
        return await _ask(turn, draft, {"kind": "chosen", "category": named})
    if step is Step.PHOTO and turn.text.strip().casefold() in _NO_MORE_PHOTOS:
        reporting.finish_photos(draft, now=turn.now)
        return await _ask(turn, draft)
    return await _ask(turn, draft, _hint(draft))


async def _describe(turn: Turn, draft: IssueReport) -> Reply:
    reporting.describe(draft, turn.text, now=turn.now)
    return await _ask(turn, draft)


async def _after_place(turn: Turn, draft: IssueReport) -> Reply:
    """The big location button goes away with the next message that has no buttons of its own."""
    ward = await turn.session.get(Ward, draft.ward_id) if draft.ward_id else None
    note = {"kind": "place", "ward": ward.name if ward else ""}
    if reporting.next_step(draft) is Step.DESCRIPTION:
        return await _ask(turn, draft, note)
    return turn.say("reports/noted", note=note, clears=True).then(await _ask(turn, draft))


def _hint(draft: IssueReport) -> Note:
    return {"kind": "hint", "step": reporting.next_step(draft).value}


async def _ask(turn: Turn, draft: IssueReport, note: Note | None = None, *, edits: bool = False) -> Reply:
    """The next question of the draft, under ``note``."""
    step = reporting.next_step(draft)
    values: dict[str, Any] = {"report": draft, "note": note, "most": reporting.MOST_PHOTOS}
    if step is Step.CATEGORY:
        values["categories"] = _categories(turn).all
    if step in (Step.PHOTO, Step.CONFIRM):
        values["photos"] = await following.photo_count(turn.session, draft.id)
    if step is Step.CONFIRM:
        ward = await turn.session.get(Ward, draft.ward_id) if draft.ward_id else None
        values |= {"ward": ward.name if ward else "", "category": _categories(turn).name(draft.category)}
    if step is Step.DESCRIPTION:
        values["longest"] = reporting.LONGEST_DESCRIPTION
    return turn.say(f"reports/{step.value}", edits=edits, **values)


async def _ask_after_tap(turn: Turn, draft: IssueReport, note: Note) -> Reply:
    """The tapped message becomes the next question, or, where that needs the keyboard, what was chosen."""
    if reporting.next_step(draft) in (Step.PLACE, Step.DESCRIPTION):
        return turn.say("reports/noted", edits=True, note=note, clears=False).then(await _ask(turn, draft))
    return await _ask(turn, draft, note, edits=True)


async def _tapped_draft(turn: Turn) -> IssueReport:
    """The draft that the button is of; it has this person's attention again, whatever they did in between."""
    draft = await reporting.draft(turn.session, my_reports.report_id(turn), resident_id=turn.known().id)
    await _attend(turn, draft)
    return draft


async def _attend(turn: Turn, draft: IssueReport) -> None:
    await dialogues.begin(turn.session, turn.telegram_id, DialogueKind.REPORT, draft.id, now=turn.now)


async def _tap_category(turn: Turn) -> Reply:
    draft = await _tapped_draft(turn)
    reporting.choose(draft, turn.word(2), categories=_categories(turn), now=turn.now)
    return await _ask_after_tap(turn, draft, {"kind": "chosen", "category": _categories(turn).find(draft.category)})


async def _tap_photos(turn: Turn) -> Reply:
    draft, choice = await _tapped_draft(turn), turn.word(2)
    if choice == "clear":
        await reporting.remove_photos(turn.session, draft, now=turn.now)
        return await _ask_after_tap(turn, draft, {"kind": "photos_removed"})
    if choice != "done":
        raise old_button()
    reporting.finish_photos(draft, now=turn.now)
    number = await following.photo_count(turn.session, draft.id)
    return await _ask_after_tap(turn, draft, {"kind": "photos_done", "number": number})


async def _tap_change(turn: Turn) -> Reply:
    draft = await _tapped_draft(turn)
    if turn.word(2) not in {step.value for step in Step if step is not Step.CONFIRM}:
        raise old_button()
    reporting.change(draft, Step(turn.word(2)), now=turn.now)
    return await _ask_after_tap(turn, draft, {"kind": "change"})


async def _tap_send(turn: Turn) -> Reply:
    resident_id = turn.known().id
    sent = await reporting.send_in(
        turn.session, my_reports.report_id(turn), resident_id=resident_id, categories=_categories(turn), on=_today(turn), now=turn.now
    )
    if turn.dialogue and turn.dialogue.kind is DialogueKind.REPORT and turn.dialogue.subject_id == sent.report.id:
        await dialogues.end(turn.session, turn.telegram_id)
    return turn.say("reports/sent", edits=True, report=sent.report, team=sent.team.name if sent.team else "")


async def _tap_drop(turn: Turn) -> Reply:
    draft = await _tapped_draft(turn)
    await reporting.cancel(turn.session, draft.id, resident_id=turn.known().id, now=turn.now)
    await dialogues.end(turn.session, turn.telegram_id)
    return turn.say("reports/cancelled", edits=True, report=draft, was_tapped=True)


async def _tap_continue(turn: Turn) -> Reply:
    draft = await reporting.take_back(turn.session, my_reports.report_id(turn), resident_id=turn.known().id, now=turn.now)
    await _attend(turn, draft)
    return await _ask_after_tap(turn, draft, {"kind": "going_on"})


async def _tap_anew(turn: Turn) -> Reply:
    draft = await _tapped_draft(turn)
    await reporting.cancel(turn.session, draft.id, resident_id=turn.known().id, now=turn.now)
    await turn.session.flush()
    fresh = await reporting.begin(turn.session, turn.known().id, now=turn.now)
    await _attend(turn, fresh)
    return await _ask_after_tap(turn, fresh, {"kind": "anew"})


def _categories(turn: Turn) -> categories.Categories:
    return categories.load(turn.runtime.settings.categories_file)


def _today(turn: Turn) -> date:
    return turn.now.astimezone(turn.runtime.settings.zone).date()


_TAPS: dict[str, Callable[[Turn], Awaitable[Reply]]] = {
    "new": report,
    "continue": _tap_continue,
    "anew": _tap_anew,
    "is": _tap_category,
    "photos": _tap_photos,
    "change": _tap_change,
    "send": _tap_send,
    "drop": _tap_drop,
    "mine": my_reports.tap_older,
    "see": my_reports.tap_see,
}
