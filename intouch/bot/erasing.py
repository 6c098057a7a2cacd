"""Erasing in the chat: /erase asks twice; only the last button of the question that is open erases."""

from __future__ import annotations

import secrets
from datetime import timedelta

from intouch.bot.turn import Conversation, Reply, Turn
from intouch.privacy import erasure
from intouch.residents import dialogues
from intouch.residents.models import Dialogue, DialogueKind

_SURE_FOR = timedelta(minutes=60)


def _is_open(dialogue: Dialogue | None) -> bool:
    return dialogue is not None and dialogue.kind is DialogueKind.ERASE


async def erase(turn: Turn) -> Reply:
    """/erase: says what will happen, and asks."""
    if turn.resident is None:
        return await _nothing_held(turn)
    await dialogues.begin(turn.session, turn.telegram_id, DialogueKind.ERASE, None, now=turn.now)
    return turn.say("account/erase")


async def ask_twice(turn: Turn) -> Reply:
    """The first button; one whose question was withdrawn gets that question again."""
    if turn.resident is None or not _is_open(turn.dialogue):
        return await erase(turn)
    mark = secrets.randbelow(2**31 - 1) + 1
    await dialogues.begin(turn.session, turn.telegram_id, DialogueKind.ERASE, mark, now=turn.now)
    return turn.say("account/erase_sure", edits=True, mark=mark)


async def really_erase(turn: Turn) -> Reply:
    """The last button."""
    if turn.resident is None:
        return await _nothing_held(turn)
    if turn.number(1) != _mark(turn):
        # A button that was withdrawn, or lay in the chat for weeks, is no second thought.
        return await erase(turn)
    await erasure.erase(turn.session, turn.resident.id, now=turn.now)
    await dialogues.end(turn.session, turn.telegram_id)
    return turn.say("account/erased", edits=True, is_linked=turn.is_linked)


async def keep(turn: Turn) -> Reply:
    """The button to keep everything."""
    await _withdraw(turn)
    return turn.say("account/kept", edits=True)


async def _withdraw(turn: Turn) -> None:
    if _is_open(turn.dialogue):
        await dialogues.end(turn.session, turn.telegram_id)


def _mark(turn: Turn) -> int | None:
    """What the last button has to carry; None while there is none that erases."""
    dialogue = turn.dialogue
    if dialogue is None or not _is_open(dialogue) or not dialogue.subject_id or turn.now - dialogue.opened_at > _SURE_FOR:
        return None
    return dialogue.subject_id


async def _nothing_held(turn: Turn) -> Reply:
    await _withdraw(turn)
    return turn.say("account/nothing_held", is_linked=turn.is_linked)


async def _ask(turn: Turn) -> Reply:
    mark = _mark(turn)
    if turn.resident is None or mark is None:
        return await erase(turn)
    return turn.say("account/erase_sure", mark=mark)


async def _hear(turn: Turn) -> Reply:
    """Words never erase: the buttons say what they do."""
    if turn.resident is None:
        return await _nothing_held(turn)
    return turn.say("account/use_buttons").then(await _ask(turn))


async def _cancel(turn: Turn) -> Reply:
    return turn.say("account/kept")


ERASE = Conversation(hear=_hear, ask=_ask, cancel=_cancel)
