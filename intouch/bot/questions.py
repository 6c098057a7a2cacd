"""Questions: what the sign-up asks, in the words that are shown and, for consent, recorded."""

from __future__ import annotations

import hashlib
from datetime import date
from html import unescape

from intouch.bot.turn import Reply, Turn
from intouch.errors import InTouchError
from intouch.places.models import Ward
from intouch.residents import dialogues, email, signup
from intouch.residents.models import DialogueKind, ResidentStatus
from intouch.residents.signup import Step


async def question(turn: Turn, step: Step, *, edits: bool = False) -> Reply:
    resident = turn.known()
    if step is Step.CONSENT:
        is_again = resident.status is ResidentStatus.STOPPED
        return turn.say("signup/welcome", edits=edits, is_again=is_again, wording=wording(turn), version=version(turn))
    if step is Step.CONFIRM_WARD:
        return turn.say("signup/confirm_ward", edits=edits, ward=await turn.session.get(Ward, resident.ward_id))
    if step is Step.EMAIL:
        return turn.say("signup/ask_email", edits=edits, address=resident.email or "")
    if step is Step.BOARD:
        return turn.say("signup/ask_board", edits=edits)
    return turn.say("signup/ask_ward", edits=edits, is_move=resident.status is ResidentStatus.ACTIVE)


def consent_again(turn: Turn) -> Reply:
    """The wording and its buttons alone: what it is for was read a moment ago."""
    return turn.say("signup/consent_again", wording=wording(turn), version=version(turn))


def ward_step(turn: Turn) -> Step:
    """How the ward is asked for: whoever came by a link is asked whether it is the one that the link named."""
    return Step.CONFIRM_WARD if signup.next_step(turn.known()) is Step.CONFIRM_WARD else Step.WARD


async def ward_again(turn: Turn, error: InTouchError) -> Reply:
    """What is wrong with the answer, and the same question once more."""
    return turn.say("help/sorry", sentence=str(error)).then(await question(turn, ward_step(turn)))


async def ask_ward(turn: Turn) -> Reply:
    """Ask a resident where they live now; what they send next is understood as the answer."""
    await dialogues.begin(turn.session, turn.telegram_id, DialogueKind.WARD, turn.known().id, now=turn.now)
    return await question(turn, Step.WARD)


async def ask_email(turn: Turn) -> Reply:
    """Ask a resident for an email address; what they send next is understood as the answer."""
    await dialogues.begin(turn.session, turn.telegram_id, DialogueKind.EMAIL, turn.known().id, now=turn.now)
    returned = turn.known().email if not await email.reaches(turn.session, turn.known()) else None
    return turn.say("signup/ask_new_email", returned=returned or "")


def wording(turn: Turn) -> str:
    """What people agree to: the very text that is shown and then recorded."""
    return unescape(turn.runtime.templates.text("telegram/signup/consent.html")).strip()


def version(turn: Turn) -> str:
    # A button of an older message carries an older mark: nobody agrees to words that they were not shown.
    return hashlib.sha256(wording(turn).encode()).hexdigest()[:8]


def today(turn: Turn) -> date:
    return turn.now.astimezone(turn.runtime.settings.zone).date()
