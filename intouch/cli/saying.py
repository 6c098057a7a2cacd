"""Saying: how commands print: in words or as JSON, moments in one way each, and nothing that people wrote rules the terminal."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from intouch import legible, settings
from intouch.errors import BadInput
from intouch.templating import dated_moment, plural

moment = dated_moment  # the one way in which commands tell of a moment
LARGEST_ID = 2**31 - 1  # more than this no database of ours counts, and some refuse to look for

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for a machine to read.")]


@dataclass(frozen=True)
class Done:
    """What a command has done: a sentence for people, and figures for machines."""

    sentence: str
    figures: Mapping[str, Any]

    def tell(self, *, as_json: bool) -> None:
        if as_json:
            say_json(self.figures)
        else:
            say(self.sentence)


def say(text: str, *, is_error: bool = False, color: str | None = None, is_bold: bool = False) -> None:
    """Print ``text``, in which whatever would rule the terminal shows as �; in no colours where somebody asked for that."""
    with _told_where_it_goes():
        typer.secho(
            legible.for_terminal(text), err=is_error, fg=color, bold=is_bold or None, color=False if settings.wants_no_colours() else None
        )


def say_json(value: Any, *, in_one_line: bool = False) -> None:
    """Print ``value`` as JSON for a machine to read; every moment in it is ISO 8601 in UTC."""
    text = json.dumps(value, ensure_ascii=False, indent=None if in_one_line else 2, default=_plain)
    say_raw(legible.RULING.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def say_raw(text: str) -> None:
    """Print ``text`` as it stands, for a machine."""
    with _told_where_it_goes():
        typer.echo(text, nl=False)


@contextlib.contextmanager
def _told_where_it_goes() -> Iterator[None]:
    """A full disk under our output is no bug; whoever reads no further (``| head``) has read enough."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        os.write(2, f"What In Touch has to say can't be written: {error.strerror}.\n".encode())
        os._exit(1)  # leaving in the usual way would try to write it once more, and fail once more


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def fail(error: Exception) -> typer.Exit:
    """Tell the error in one line on standard error; raise what this returns."""
    say(str(error), is_error=True, color=typer.colors.RED)
    return typer.Exit(1)


def span(length: timedelta) -> str:
    """``17 days``, ``36 hours`` or ``5 minutes``, rounded down."""
    minutes = max(0, int(length.total_seconds() // 60))
    if minutes < 120:
        return plural(minutes, "minute", "minutes")
    return plural(minutes // 60, "hour", "hours") if minutes < 48 * 60 else plural(minutes // 1440, "day", "days")


def make_sure(question: str, *, is_sure: bool) -> None:
    """Ask on the terminal whether that is meant, unless it was said before (``--yes``); ends the command when it isn't."""
    if is_sure:
        return
    if sys.stdin is None or sys.stdin.closed:
        raise fail(BadInput("Nobody can be asked here whether that is meant. Say --yes if it is."))
    typer.confirm(legible.for_terminal(question), abort=True, err=True)


def number(text: str, thing: str, see: str) -> int:
    """The number of ``thing`` (such as "a survey") as somebody typed it; ends the command with a sentence when there can be none such."""
    if not re.fullmatch(r"[0-9]{1,10}", text.strip()) or not 0 < int(text) <= LARGEST_ID:
        raise fail(BadInput(f"“{text[:40]}” is not the number of {thing}. {see}"))
    return int(text)
