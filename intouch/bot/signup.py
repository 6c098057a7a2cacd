"""Sign-up in the chat: /start, consent, ward, email and sounding board, asked one at a time; and a new ward or email later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from intouch.bot import questions, surveys, ward_lists, ward_names
from intouch.bot.turn import Content, Conversation, Handler, Reply, Turn, old_button
from intouch.council import linking
from intouch.errors import InTouchError
from intouch.places import lookup
from intouch.places.models import Ward
from intouch.residents import dialogues, email, reaching, signup, wards
from intouch.residents.models import DialogueKind, Resident, ResidentStatus
from intouch.residents.signup import Step

_WARD_STEPS = (Step.WARD, Step.CONFIRM_WARD)


async def start(turn: Turn) -> Reply:
    """/start: a new sign-up, the one that was left half done, or what a resident can do; also where deep links lead."""
    argument = turn.text.strip() if turn.incoming.command == "start" else ""
    if argument.startswith("link_"):
        linked = await linking.redeem(turn.session, argument.removeprefix("link_"), telegram_id=turn.telegram_id, now=turn.now)
        return turn.say("help/linked", role=linked.role, name=linked.name)
    was_begun = turn.resident is not None and turn.resident.consented_at is not None
    what = turn.incoming
    resident = await signup.begin(
        turn.session, telegram_id=turn.telegram_id, first_name=what.first_name, language=what.language, now=turn.now
    )
    turn.resident = resident
    await reaching.telegram_back(turn.session, turn.telegram_id, now=turn.now)
    await _prefill(turn, resident, argument)
    reply = await _go_on(turn)
    is_half_done = was_begun and resident.status is ResidentStatus.DRAFT
    return turn.say("signup/continues").then(reply) if is_half_done else reply


async def _prefill(turn: Turn, resident: Resident, argument: str) -> None:
    if not argument.lower().startswith("w_"):
        return
    code = argument[2:].upper()
    ward = next((ward for ward in await lookup.wards(turn.session, on=questions.today(turn)) if ward.code == code), None)
    if ward is not None:
        signup.prefill_ward(resident, ward)


async def _go_on(turn: Turn, *, edits: bool = False) -> Reply:
    """Ask what is still missing; when nothing is, the person is in."""
    resident = turn.known()
    is_new = await signup.finish(turn.session, resident, now=turn.now)
    step = signup.open_step(resident)
    if step is Step.DONE:
        return await _done(turn, edits=edits) if is_new else await _home(turn)
    is_moving = resident.status is ResidentStatus.ACTIVE and step is Step.WARD
    kind = DialogueKind.WARD if is_moving else DialogueKind.SIGNUP
    await dialogues.begin(turn.session, turn.telegram_id, kind, resident.id, now=turn.now)
    return await questions.question(turn, step, edits=edits)


async def _home(turn: Turn) -> Reply:
    if turn.dialogue is not None and turn.dialogue.kind is DialogueKind.SIGNUP:
        await dialogues.end(turn.session, turn.telegram_id)
    return await _with_ward(turn, "signup/home")


async def _done(turn: Turn, *, edits: bool) -> Reply:
    await dialogues.end(turn.session, turn.telegram_id)
    joined_at, consented_at = turn.known().joined_at, turn.known().consented_at
    is_back = joined_at is not None and consented_at is not None and joined_at < consented_at
    return await _with_ward(turn, "signup/done", edits=edits, is_back=is_back)


async def _with_ward(turn: Turn, template: str, *, edits: bool = False, is_back: bool = False) -> Reply:
    resident = turn.known()
    ward, open_surveys = await turn.session.get(Ward, resident.ward_id), await surveys.unanswered(turn)
    return turn.say(template, edits=edits, is_back=is_back, ward=ward, name=resident.first_name, open_surveys=open_surveys)


# What is sent in answer


async def _hear(turn: Turn) -> Reply:
    if turn.resident is None:
        return await start(turn)
    step = signup.open_step(turn.resident)
    if step in _WARD_STEPS:
        return await _hear_ward(turn)
    if step is Step.EMAIL and turn.incoming.content is Content.TEXT:
        return await _hear_email(turn)
    return await _not_understood(turn, step)


async def _not_understood(turn: Turn, step: Step) -> Reply:
    if step is Step.DONE:
        return await _go_on(turn)
    if step is Step.CONSENT:
        return questions.consent_again(turn)
    return turn.say("signup/not_text", step=step.value).then(await questions.question(turn, step))


async def _hear_ward(turn: Turn) -> Reply:
    """A postcode, a ward's name or a place; anything else is answered kindly and asked again."""
    what, resident = turn.incoming, turn.known()
    council = turn.runtime.settings.council_name
    on = questions.today(turn)
    try:
        if what.content is Content.LOCATION and what.longitude is not None and what.latitude is not None:
            place = {"longitude": what.longitude, "latitude": what.latitude}
            ward = await wards.by_place(turn.session, resident, on=on, council=council, **place)
        elif what.content is Content.TEXT:
            understood = await ward_names.understand(turn, council=council)
            if isinstance(understood, Reply):
                return understood
            ward = understood
        else:
            return await _not_understood(turn, questions.ward_step(turn))
    except InTouchError as error:
        return await questions.ward_again(turn, error)
    return await _lives_in(turn, ward)


async def _lives_in(turn: Turn, ward: Ward) -> Reply:
    if turn.known().status is ResidentStatus.ACTIVE:
        await dialogues.end(turn.session, turn.telegram_id)
        return turn.say("signup/ward_changed", edits=True, ward=ward)
    return turn.say("signup/ward_found", edits=True, ward=ward).then(await _go_on(turn))


async def _hear_email(turn: Turn) -> Reply:
    resident = turn.known()
    try:
        reply = await _take_address(turn, turn.text)
    except InTouchError as error:
        return turn.say("help/sorry", sentence=str(error)).then(await questions.question(turn, Step.EMAIL))
    resident.was_asked_email = True
    return reply.then(await _go_on(turn))


async def _take_address(turn: Turn, typed: str) -> Reply:
    is_asked = await email.ask_confirmation(turn.session, turn.known(), typed, links=turn.runtime.links, now=turn.now)
    return turn.say("signup/email_sent" if is_asked else "signup/email_on", address=email.normalise(typed))


async def _hear_new_email(turn: Turn) -> Reply:
    if turn.resident is None:
        return await start(turn)
    if turn.incoming.content is not Content.TEXT:
        return turn.say("signup/again_email").then(turn.say("signup/ask_new_email"))
    try:
        reply = await _take_address(turn, turn.text)
    except InTouchError as error:
        return turn.say("help/sorry", sentence=str(error)).then(turn.say("signup/ask_new_email"))
    await dialogues.end(turn.session, turn.telegram_id)
    return reply


async def _hear_new_ward(turn: Turn) -> Reply:
    return await _hear_ward(turn) if turn.resident is not None else await start(turn)


# The buttons


async def tap(turn: Turn) -> Reply:
    """A button of the sign-up; one that is not about the open question leads back to that question."""
    handler = _TAPS.get(turn.word(0))
    if handler is None:
        raise old_button()
    return await handler(turn) if turn.resident is not None else await start(turn)


async def _tap_agree(turn: Turn) -> Reply:
    if signup.next_step(turn.known()) is not Step.CONSENT:
        return await _go_on(turn)
    if turn.word(1) != questions.version(turn):
        return await questions.question(turn, Step.CONSENT)
    resident = turn.known()
    signup.agree(turn.session, resident, wording=questions.wording(turn), now=turn.now)
    kept = await turn.session.get(Ward, resident.ward_id) if resident.ward_source is not None else None
    return turn.say("signup/agreed", edits=True, wording=questions.wording(turn), ward=kept).then(await _go_on(turn))


async def _tap_no(turn: Turn) -> Reply:
    resident = turn.known()
    if signup.next_step(resident) is not Step.CONSENT:
        return await _go_on(turn)
    await dialogues.end(turn.session, turn.telegram_id)
    template = "signup/declined" if resident.joined_at is None else "signup/declined_again"
    await signup.decline(turn.session, resident, now=turn.now)
    return turn.say(template, edits=True)


async def _tap_privacy(turn: Turn) -> Reply:
    if signup.next_step(turn.known()) is not Step.CONSENT:
        return await _go_on(turn)
    return turn.say("signup/privacy_first", version=questions.version(turn))


def _about_ward(handler: Handler) -> Handler:
    """Such a button works while the ward is what is asked; one of an old message must not move anybody."""

    async def guarded(turn: Turn) -> Reply:
        is_moving = turn.dialogue is not None and turn.dialogue.kind is DialogueKind.WARD
        is_asked = signup.next_step(turn.known()) in _WARD_STEPS
        if not is_asked and not (is_moving and turn.known().status is ResidentStatus.ACTIVE):
            return await _go_on(turn)
        try:
            return await handler(turn)
        except InTouchError as error:  # the ward or area of an old button is none any more
            return await questions.ward_again(turn, error)

    return guarded


async def _tap_ward(turn: Turn) -> Reply:
    return await _lives_in(turn, await wards.choose(turn.session, turn.known(), turn.number(1), on=questions.today(turn)))


async def _tap_mine(turn: Turn) -> Reply:
    wards.confirm(turn.known())
    return await _go_on(turn, edits=True)


async def _tap_not_mine(turn: Turn) -> Reply:
    wards.refuse(turn.known())
    return await _go_on(turn, edits=True)


async def _tap_email(turn: Turn) -> Reply:
    resident = turn.known()
    if signup.next_step(resident) is not Step.EMAIL:
        return await _go_on(turn)
    resident.was_asked_email = True
    if turn.word(1) == "same" and resident.email:
        taken = await _take_address(turn, resident.email)
        return replace(taken, edits=True).then(await _go_on(turn))
    return await _go_on(turn, edits=True)


async def _tap_board(turn: Turn) -> Reply:
    if signup.open_step(turn.known()) is not Step.BOARD:
        return await _go_on(turn)
    await signup.answer_board(turn.session, turn.known(), joins=turn.word(1) == "yes", now=turn.now)
    await signup.finish(turn.session, turn.known(), now=turn.now)
    return await _done(turn, edits=True)


_TAPS: Mapping[str, Handler] = {
    "agree": _tap_agree,
    "no": _tap_no,
    "privacy": _tap_privacy,
    "back": _about_ward(ward_lists.back),
    "locate": _about_ward(ward_lists.locate),
    "list": _about_ward(ward_lists.areas),
    "area": _about_ward(ward_lists.of_area),
    "ward": _about_ward(_tap_ward),
    "mine": _about_ward(_tap_mine),
    "notmine": _about_ward(_tap_not_mine),
    "email": _tap_email,
    "board": _tap_board,
}


async def _ask(turn: Turn) -> Reply:
    return await _go_on(turn)


async def _ask_new_ward(turn: Turn) -> Reply:
    return await questions.question(turn, Step.WARD)


async def _ask_new_email(turn: Turn) -> Reply:
    return turn.say("signup/ask_new_email")


async def _cancel(turn: Turn) -> Reply:
    if turn.resident is not None and turn.resident.status is ResidentStatus.ACTIVE:
        return await _leave(turn)
    is_new = turn.resident is None or turn.resident.joined_at is None
    return turn.say("signup/cancelled", is_new=is_new)


async def _leave(turn: Turn) -> Reply:
    return turn.say("signup/unchanged")


SIGNUP = Conversation(hear=_hear, ask=_ask, cancel=_cancel)
WARD = Conversation(hear=_hear_new_ward, ask=_ask_new_ward, cancel=_leave)
EMAIL = Conversation(hear=_hear_new_email, ask=_ask_new_email, cancel=_leave)
