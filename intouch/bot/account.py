"""Account in the chat: /settings, /privacy, /export, /erase and /stop."""

from __future__ import annotations

import json
from collections.abc import Mapping

from intouch.bot import erasing, questions
from intouch.bot import signup as signing_up
from intouch.bot.turn import Document, Handler, Reply, Turn, old_button
from intouch.outbox.models import DeadAddress, Road
from intouch.places import postcodes
from intouch.places.models import Ward
from intouch.privacy import export as exporting
from intouch.residents import dialogues, email, signup, subscriptions
from intouch.residents.models import Channel, ResidentStatus, Topic

# What can be turned on and off here, and by which channel it then comes.
_TOPICS: Mapping[str, tuple[Topic, Channel]] = {
    "surveys": (Topic.SURVEYS, Channel.TELEGRAM),
    "board": (Topic.SOUNDING_BOARD, Channel.TELEGRAM),
    "digest": (Topic.DIGEST, Channel.EMAIL),
}


async def settings(turn: Turn) -> Reply:
    """/settings: the ward, the email address and what comes, with a button to change each."""
    resident = turn.known()
    held = {one.topic for one in await subscriptions.active(turn.session, resident.id)}
    is_dead = resident.email is not None and await turn.session.get(DeadAddress, (Road.EMAIL, resident.email)) is not None
    if not await email.reaches(turn.session, resident):
        held.discard(Topic.DIGEST)
    return turn.say(
        "account/settings",
        edits=True,
        ward=await turn.session.get(Ward, resident.ward_id) if resident.ward_id is not None else None,
        email=resident.email or "",
        is_dead=is_dead,
        waiting=resident.email_to_confirm or "",
        on={name: topic in held for name, (topic, _) in _TOPICS.items()},
    )


async def privacy(turn: Turn) -> Reply:
    """/privacy: what is held, why, how long, and what a person can ask for; with what is held about this one."""
    resident = turn.resident
    ward = await turn.session.get(Ward, resident.ward_id) if resident is not None and resident.ward_id is not None else None
    postcode = postcodes.display(resident.postcode) if resident is not None and resident.postcode else ""
    return turn.say("account/privacy", resident=resident, ward=ward, postcode=postcode)


async def export(turn: Turn) -> Reply:
    """/export: everything held about this person, as a JSON file."""
    if turn.resident is None:
        return turn.say("account/nothing_held", is_linked=turn.is_linked)
    everything = await exporting.everything_about(turn.session, turn.resident.id)
    contents = json.dumps(everything, ensure_ascii=False, indent=2).encode()
    reply = turn.say("account/exported")
    return Reply(reply.message, document=Document(f"in-touch-{turn.now:%Y-%m-%d}.json", contents))


async def stop(turn: Turn) -> Reply:
    """/stop: nothing comes any more; of somebody who never finished signing up nothing is kept."""
    resident = turn.resident
    if resident is None:
        return turn.say("account/nothing_to_stop")
    await dialogues.end(turn.session, turn.telegram_id)
    if resident.joined_at is None:
        await signup.decline(turn.session, resident, now=turn.now)
        return turn.say("signup/declined")
    await signup.stop(turn.session, resident, now=turn.now)
    return turn.say("account/stopped")


async def tap(turn: Turn) -> Reply:
    """A button of /settings or /erase."""
    name = turn.word(0)
    if name in _ERASING:
        return await _ERASING[name](turn)
    if name not in _SETTINGS:
        raise old_button()
    if turn.resident is None or turn.resident.status is not ResidentStatus.ACTIVE:
        return await signing_up.start(turn)
    return await _SETTINGS[name](turn)


async def _turn_on(turn: Turn) -> Reply:
    topic, channel = _topic(turn)
    resident = turn.known()
    if channel is Channel.EMAIL and not await email.reaches(turn.session, resident):
        return await questions.ask_email(turn)
    await subscriptions.subscribe(turn.session, resident.id, topic=topic, channel=channel, now=turn.now)
    return await settings(turn)


async def _turn_off(turn: Turn) -> Reply:
    topic, _ = _topic(turn)
    await subscriptions.unsubscribe(turn.session, turn.known().id, topic=topic, reason="turned off", now=turn.now)
    return await settings(turn)


def _topic(turn: Turn) -> tuple[Topic, Channel]:
    if turn.word(1) not in _TOPICS:
        raise old_button()
    return _TOPICS[turn.word(1)]


async def _forget_email(turn: Turn) -> Reply:
    await email.remove(turn.session, turn.known(), now=turn.now)
    return await settings(turn)


_SETTINGS: Mapping[str, Handler] = {
    "on": _turn_on,
    "off": _turn_off,
    "ward": questions.ask_ward,
    "email": questions.ask_email,
    "noemail": _forget_email,
}
_ERASING: Mapping[str, Handler] = {
    "erase": erasing.ask_twice,
    "eraseforgood": erasing.really_erase,
    "keep": erasing.keep,
}
