"""Linking: a councillor or an officer sends the one-time code they were given."""

from __future__ import annotations

from intouch.bot.turn import Reply, Turn
from intouch.council import linking


async def link(turn: Turn) -> Reply:
    """Redeem the code that stands in the message, and say what the person can do now."""
    linked = await linking.redeem(turn.session, turn.text, telegram_id=turn.telegram_id, now=turn.now)
    return turn.say("help/linked", role=linked.role, name=linked.name)
