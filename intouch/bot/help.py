"""Help: what a person can do here, and the way on from every dead end."""

from __future__ import annotations

from intouch.bot import surveys
from intouch.bot.turn import Reply, Turn
from intouch.residents.models import ResidentStatus


async def show(turn: Turn) -> Reply:
    """/help: the commands this person can use."""
    status = turn.resident.status if turn.resident is not None else None
    return turn.say(
        "help/commands",
        is_resident=status is ResidentStatus.ACTIVE,
        is_stopped=status is ResidentStatus.STOPPED,
        is_signing_up=status is ResidentStatus.DRAFT,
        officer=turn.officer,
        councillor=turn.councillor,
    )


async def lost(turn: Turn) -> Reply:
    """Something arrived that nothing is waiting for."""
    status = turn.resident.status.value if turn.resident is not None else ""
    open_surveys = await surveys.unanswered(turn) if status == ResidentStatus.ACTIVE else 0
    return turn.say("help/lost", status=status, open_surveys=open_surveys)


async def unknown_command(turn: Turn) -> Reply:
    """A command that the bot does not know."""
    return turn.say("help/unknown_command")


async def nothing_to_cancel(turn: Turn) -> Reply:
    """/cancel with nothing under way."""
    return turn.say("help/nothing_to_cancel")


async def not_for_you(turn: Turn, role: str) -> Reply:
    """A command for one role ("officer" or "councillor"), sent by somebody who does not have it."""
    is_officer, is_councillor = turn.officer is not None, turn.councillor is not None
    return turn.say("help/not_for_you", role=role, is_officer=is_officer, is_councillor=is_councillor)
