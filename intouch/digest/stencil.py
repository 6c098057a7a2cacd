"""Stencil: a letter rendered once with marked places, filled in for each person by joining pieces."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import escape

from intouch.letters import Letter

Mark = tuple[str | int, ...]  # what goes to a place: ("name",) or ("answer", survey_id, question_id, choice)
Place = Callable[..., str]


@dataclass(frozen=True)
class Stencil:
    """What is the same for everybody, cut at the places; ``marks`` says what goes to each.

    The odd pieces of ``html`` and ``text`` are the places, each as an index into ``marks``.
    """

    subject: str
    html: tuple[str, ...]
    text: tuple[str, ...]
    marks: tuple[Mark, ...]

    def fill(self, value: Callable[[Mark], str]) -> Letter:
        """The letter of one person; ``value`` gives plain words, which are escaped where they stand in HTML."""
        words = [_one_line(value(mark)) for mark in self.marks]
        return Letter(self.subject, _join(self.html, [str(escape(word)) for word in words]), _join(self.text, words))


def cut(render: Callable[[Place], Letter]) -> Stencil:
    """Render once with a ``place(...)`` that leaves a mark for each personal value, and cut the letter there."""
    secret = secrets.token_hex(4)  # so that nobody's words in the letter can be taken for a mark
    marks: dict[Mark, int] = {}

    def place(*mark: str | int) -> str:
        return f"\ue000{secret}.{marks.setdefault(mark, len(marks))}\ue001"

    letter = render(place)
    pattern = re.compile(f"\ue000{secret}\\.(\\d+)\ue001")
    return Stencil(letter.subject, tuple(pattern.split(letter.html)), tuple(pattern.split(letter.text)), tuple(marks))


def _join(pieces: tuple[str, ...], words: list[str]) -> str:
    return "".join(words[int(piece)] if odd % 2 else piece for odd, piece in enumerate(pieces))


def _one_line(words: str) -> str:
    return " ".join(words.split()) if words.strip() == words else " " + " ".join(words.split())
