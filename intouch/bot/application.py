"""Application: every command, button and dialogue of the bot on one page, and who may use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from intouch.bot import account, deliveries, erasing, help, linking, officers, reports, signup, surveys, ward
from intouch.bot.turn import Content, Conversation, Handler, Reply, Turn, old_button
from intouch.council import linking as codes
from intouch.errors import Closed, NotAllowed, NotFound
from intouch.residents import dialogues
from intouch.residents.models import DialogueKind, ResidentStatus


class Access(Enum):
    """Who may use a route."""

    ANYBODY = auto()
    RESIDENT = auto()  # signed up; whoever is not is asked to sign up first
    COUNCILLOR = auto()
    OFFICER = auto()


@dataclass(frozen=True)
class Route:
    """A handler and who may use it."""

    handler: Handler
    access: Access


COMMANDS: Mapping[str, Route] = {
    "start": Route(signup.start, Access.ANYBODY),
    "help": Route(help.show, Access.ANYBODY),
    "link": Route(linking.link, Access.ANYBODY),
    "privacy": Route(account.privacy, Access.ANYBODY),
    "export": Route(account.export, Access.ANYBODY),
    "erase": Route(erasing.erase, Access.ANYBODY),
    "stop": Route(account.stop, Access.ANYBODY),
    "settings": Route(account.settings, Access.RESIDENT),
    "survey": Route(surveys.survey, Access.RESIDENT),
    "report": Route(reports.report, Access.RESIDENT),
    "myreports": Route(reports.myreports, Access.RESIDENT),
    "digest": Route(ward.digest, Access.RESIDENT),
    "ward": Route(ward.ward, Access.RESIDENT),
    "brief": Route(ward.brief, Access.COUNCILLOR),
    "launch": Route(officers.launch, Access.OFFICER),
    "results": Route(officers.results, Access.OFFICER),
    "deliveries": Route(deliveries.deliveries, Access.OFFICER),
}

# By the first part of a button's callback data.
TAPS: Mapping[str, Route] = {
    "signup": Route(signup.tap, Access.ANYBODY),
    "account": Route(account.tap, Access.ANYBODY),
    surveys.ROOM: Route(surveys.tap, Access.RESIDENT),
    "report": Route(reports.tap, Access.RESIDENT),
    "ward": Route(ward.tap, Access.RESIDENT),
    "launch": Route(officers.tap, Access.OFFICER),
    "results": Route(officers.tap, Access.OFFICER),
    "deliveries": Route(deliveries.tap, Access.OFFICER),
}

CONVERSATIONS: Mapping[DialogueKind, Conversation] = {
    DialogueKind.SIGNUP: signup.SIGNUP,
    DialogueKind.EMAIL: signup.EMAIL,
    DialogueKind.WARD: signup.WARD,
    DialogueKind.SURVEY: surveys.SURVEY,
    DialogueKind.REPORT: reports.REPORT,
    DialogueKind.LAUNCH: officers.LAUNCH,
    DialogueKind.ERASE: erasing.ERASE,
}

# What Telegram shows in its menu; the words are in templates/telegram/help/menu.html.
MENU = ("survey", "report", "myreports", "ward", "digest", "settings", "privacy", "help", "cancel", "stop")

_OVER = (NotFound, Closed, NotAllowed)


async def answer(turn: Turn) -> Reply:
    """Find the route for what the person did and follow it."""
    content = turn.incoming.content
    if content is Content.TAP:
        return await _follow(_tap_route(turn), turn)
    if content is Content.COMMAND:
        return await _command(turn)
    if content is Content.TEXT and await _is_code(turn):
        return await linking.link(turn)
    if turn.dialogue is not None:
        return await _unless_over(turn, CONVERSATIONS[turn.dialogue.kind].hear)
    return await help.lost(turn)


async def _is_code(turn: Turn) -> bool:
    """Whether the message is somebody's code: "Linking roads" has the shape of one, and may be what a dialogue waits for."""
    return codes.looks_like_code(turn.text) and (turn.dialogue is None or await codes.is_known(turn.session, turn.text))


async def ask_again(turn: Turn) -> Reply | None:
    """The question that is open in this person's dialogue, if one is."""
    dialogue = await dialogues.current(turn.session, turn.telegram_id)
    if dialogue is None:
        return None
    turn.dialogue = dialogue
    return await _unless_over(turn, CONVERSATIONS[dialogue.kind].ask)


async def _unless_over(turn: Turn, handler: Handler) -> Reply:
    """What the dialogue is about may be gone since, or another's: then it ends, or each message would get the same refusal."""
    try:
        return await handler(turn)
    except _OVER as error:  # raised before anything is written
        await dialogues.end(turn.session, turn.telegram_id)
        return turn.say("help/over", sentence=str(error), is_help=turn.incoming.command == "help")


async def _command(turn: Turn) -> Reply:
    command = turn.incoming.command
    if command == "cancel":
        return await _cancel(turn)
    if command == "help":
        reply, question = await help.show(turn), await ask_again(turn)
        return reply.then(question) if question else reply
    if command not in COMMANDS:
        return await help.unknown_command(turn)
    return await _follow(COMMANDS[command], turn)


async def _cancel(turn: Turn) -> Reply:
    if turn.dialogue is None:
        is_answering = is_signed_up(turn) and await surveys.is_under_way(turn)
        return await (surveys.SURVEY.cancel(turn) if is_answering else help.nothing_to_cancel(turn))
    reply = await _unless_over(turn, CONVERSATIONS[turn.dialogue.kind].cancel)
    await dialogues.end(turn.session, turn.telegram_id)
    return reply


async def _follow(route: Route, turn: Turn) -> Reply:
    if route.access is Access.RESIDENT and not is_signed_up(turn):
        return await signup.start(turn)
    if route.access is Access.OFFICER and turn.officer is None:
        return await help.not_for_you(turn, "officer")
    if route.access is Access.COUNCILLOR and turn.councillor is None:
        return await help.not_for_you(turn, "councillor")
    return await route.handler(turn)


def _tap_route(turn: Turn) -> Route:
    route = TAPS.get(turn.incoming.data[0] if turn.incoming.data else "")
    if route is None:
        raise old_button()
    return route


def is_signed_up(turn: Turn) -> bool:
    """Whether this person finished signing up and has not left since."""
    return turn.resident is not None and turn.resident.status is ResidentStatus.ACTIVE
