"""Help: what a person can do here, and the way on from every dead end."""

from __future__ import annotations

from intouch.bot.turn import Reply, Turn
from intouch.residents.models import ResidentStatus


async def show(turn: Turn) -> Reply:
    """/help: the commands this person can use."""
    is_resident = turn.resident is not None and turn.resident.status is ResidentStatus.ACTIVE
    return turn.say("help/commands", is_resident=is_resident, officer=turn.officer, councillor=turn.councillor)


async def lost(turn: Turn) -> Reply:
    """Something arrived that nothing is waiting for."""
    return turn.say("help/lost", is_resident=turn.resident is not None)


async def unknown_command(turn: Turn) -> Reply:
    """A command that the bot does not know."""
    return turn.say("help/unknown_command")


async def nothing_to_cancel(turn: Turn) -> Reply:
    """/cancel with nothing under way."""
    return turn.say("help/nothing_to_cancel")


async def not_for_you(turn: Turn) -> Reply:
    """A command for officers or councillors, sent by somebody else."""
    return turn.say("help/not_for_you")
