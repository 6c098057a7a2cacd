"""Rooms: which file has which command, and loading that file only when the command is asked for."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from intouch.loading import load


class Room(NamedTuple):
    """A command or a group of commands: where it is, and its line in ``intouch --help``."""

    name: str
    place: str
    help: str


ROOMS = (
    Room("run", "intouch.cli.run:run", "Run bot, web pages, scheduler and sender together until SIGTERM or Ctrl-C."),
    Room(
        "demo",
        "intouch.cli.demo:demo",
        "Run the whole platform with a simulated Telegram and a mailbox, and an invented network of residents.",
    ),
    Room(
        "doctor",
        "intouch.cli.doctor:doctor",
        "Check settings, database, bot token, mail server and templates; exit 1 if anything is wrong.",
    ),
    Room("db", "intouch.cli.database:app", "The database and its migrations."),
    Room("import", "intouch.cli.imports:app", "Wards, postcodes, councillors, notices and teams from files."),
    Room("officer", "intouch.cli.people:officer_app", "Engagement officers."),
    Room("councillor", "intouch.cli.people:councillor_app", "Ward councillors."),
    Room("survey", "intouch.cli.surveys:app", "Pulse surveys."),
    Room("issue", "intouch.cli.issues:app", "Issue reports."),
    Room("digest", "intouch.cli.sending:digest_app", "The residents' weekly digest."),
    Room("briefing", "intouch.cli.sending:briefing_app", "The councillors' weekly briefing."),
    Room("delivery", "intouch.cli.delivery:app", "What is in the outbox: who did not get it, sending again, stopping."),
    Room("resident", "intouch.cli.residents:app", "What is held about a resident: export and erasure."),
)


@functools.cache
def opened(room: Room) -> Any:
    """The command or group itself."""
    found = load(room.place)
    parent = typer.Typer()
    if isinstance(found, typer.Typer):
        parent.add_typer(found, name=room.name, help=room.help)
    else:
        parent.command(room.name)(found)
    return typer.main.get_group(parent).commands[room.name]


class Door(TyperCommand):
    """Stands in the list for a room; whoever goes in meets the room itself."""

    def __init__(self, room: Room) -> None:
        super().__init__(room.name, help=room.help)
        self.room = room

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return opened(self.room).make_context(info_name, args, parent, **extra)


class House(TyperGroup):
    """All commands, of which none is loaded before it is asked for."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for room in ROOMS:
            self.add_command(Door(room))
