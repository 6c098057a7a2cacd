"""Tapping: taps that answer surveys, of many people at once, in as many statements as for one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.bot import application, surveys
from intouch.bot.turn import Content, Incoming, Reply, Turn
from intouch.errors import InTouchError
from intouch.residents import dialogues
from intouch.residents.models import Dialogue, Resident
from intouch.runtime import Runtime
from intouch.surveys.filling_in import Given
from intouch.templating import TelegramMessage


def is_survey_tap(what: Incoming) -> bool:
    """Whether this may be a tap that answers a question of a survey."""
    return what.content is Content.TAP and what.data[0] == surveys.ROOM


async def answer(runtime: Runtime, session: AsyncSession, taps: Sequence[Incoming]) -> list[Reply | None]:
    """Store what these taps answer, and what each person sees next.

    None for what is no such answer, or comes from somebody who is not signed up: the usual way has more to say about it.
    """
    turns = await _open_turns(runtime, session, taps)
    given = {turn.incoming.key: one for turn in turns if (one := _given(turn)) is not None}
    new = await dialogues.new_updates(session, list(given), now=runtime.now())
    answering = [turn for turn in turns if turn.incoming.key in new]
    shown = await surveys.answer_together(session, answering, [given[turn.incoming.key] for turn in answering]) if answering else []
    replies = dict.fromkeys(given, Reply())  # a repeated tap: its effect is stored, and its reply was sent
    replies.update(zip((turn.incoming.key for turn in answering), shown, strict=True))
    return [replies.get(tap.key) for tap in taps]


async def _open_turns(runtime: Runtime, session: AsyncSession, taps: Sequence[Incoming]) -> list[Turn]:
    """The turns of those who are signed up, with all that a survey asks about them."""
    people = sa.select(Resident, Dialogue).outerjoin(Dialogue, Dialogue.telegram_id == Resident.telegram_id)
    found = await session.execute(people.where(Resident.telegram_id.in_([tap.telegram_id for tap in taps])))
    known = {resident.telegram_id: (resident, dialogue) for resident, dialogue in found}
    now, said = runtime.now(), dict[Hashable, TelegramMessage]()
    turns = [
        Turn(runtime, session, tap, now, resident=known[tap.telegram_id][0], dialogue=known[tap.telegram_id][1], said=said)
        for tap in taps
        if tap.telegram_id in known
    ]
    return [turn for turn in turns if application.is_signed_up(turn)]


def _given(turn: Turn) -> Given | None:
    try:
        return surveys.answer_in(turn)
    except InTouchError:
        return None
