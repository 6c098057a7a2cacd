"""Stencil: a letter rendered once with marked places, filled in for each person by joining pieces."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import escape

from intouch.channels import mime, plate
from intouch.channels.plate import Pieces, Plate, Word
from intouch.letters import Letter

Mark = tuple[str | int, ...]  # what goes to a place: ("name",) or ("answer", survey_id)
Place = Callable[..., str]


@dataclass(frozen=True)
class Stencil:
    """What is the same for everybody, cut at the places; ``marks`` says what goes to each.

    The odd pieces of ``html``, ``text`` and ``headers`` are the places, each as an index into ``marks``.
    """

    subject: str
    html: Pieces
    text: Pieces
    marks: tuple[Mark, ...]
    headers: Mapping[str, Pieces] = field(default_factory=dict)

    def fill(self, words: Sequence[Word]) -> Letter:
        """The letter of one person, with one line of plain words for each mark; they are escaped where they stand in HTML."""
        words = [plate.told(word) for word in words]
        headers = {name: plate.fill(pieces, words) for name, pieces in self.headers.items()}
        return Letter(self.subject, plate.fill(self.html, [str(escape(word)) for word in words]), plate.fill(self.text, words), headers)

    def engrave(self, sender: str) -> Plate:
        """Everything that is the same for all, as it goes over the wire."""
        same = {name: pieces[0] for name, pieces in self.headers.items() if len(pieces) == 1}
        personal = {name: pieces for name, pieces in self.headers.items() if len(pieces) > 1}
        shared = mime.shared_headers(self.subject, sender=sender, more=same)
        return plate.engrave(shared, personal, text=self.text, html=self.html, values=len(self.marks))


def cut(render: Callable[[Place], Letter]) -> Stencil:
    """Render once with a ``place(...)`` that leaves a mark for each personal value, and cut the letter there."""
    secret = secrets.token_hex(4)  # so that nobody's words in the letter can be taken for a mark
    marks: dict[Mark, int] = {}

    def place(*mark: str | int) -> str:
        return f"\ue000{secret}.{marks.setdefault(mark, len(marks))}\ue001"

    letter = render(place)
    pattern = re.compile(f"\ue000{secret}\\.(\\d+)\ue001")
    headers = {name: tuple(pattern.split(value)) for name, value in letter.headers.items()}
    return Stencil(letter.subject, tuple(pattern.split(letter.html)), tuple(pattern.split(letter.text)), tuple(marks), headers)


def one_line(words: str) -> str:
    """Somebody's words for a place: without line breaks, and with the space before them that keeps them apart."""
    return " ".join(words.split()) if words.strip() == words else " " + " ".join(words.split())
