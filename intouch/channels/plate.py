"""Plate: a letter encoded once for all its readers; for each of them only bytes are joined."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import escape

from intouch.channels import mime, quoted_printable
from intouch.channels.mime import Clean

_SPECIAL = re.compile("[&<>'\"]")
Pieces = tuple[str, ...]  # what is the same for all at the even indexes, and between them the number of a personal value


@dataclass(frozen=True, slots=True)
class Plate:
    """Bytes that are the same for all, and which personal value stands between them.

    Each value is a line of its own between soft line breaks, so whatever its length, nothing else moves. The values of the
    HTML part are counted behind those of the plain text.
    """

    shared: bytes
    headers: Mapping[str, Pieces]
    body: tuple[bytes, ...]
    places: tuple[int, ...]

    def copy(self, headers: bytes, words: Sequence[str]) -> Clean:
        """One reader's message: their ``headers`` beside ours, and their ``words``, one line each, at the places."""
        values = [quoted_printable.value(word) for word in words]
        values += [quoted_printable.value(str(escape(word))) if _SPECIAL.search(word) else values[at] for at, word in enumerate(words)]
        joined = [b""] * (len(self.body) + len(self.places))
        joined[::2] = self.body
        joined[1::2] = [values[place] for place in self.places]
        ours = mime.extra_headers({name: fill(pieces, words) for name, pieces in self.headers.items()})
        return Clean((self.shared, headers, ours, *joined))


def fill(pieces: Pieces, words: Sequence[str]) -> str:
    """The pieces with the words at their places."""
    return "".join(words[int(piece)] if odd % 2 else piece for odd, piece in enumerate(pieces))


def engrave(shared: bytes, headers: Mapping[str, Pieces], *, text: Pieces, html: Pieces, values: int) -> Plate:
    """The plate of a letter whose two parts, and some ``headers``, are cut at the places of ``values`` personal values."""
    encoded = [*_encoded(text), *_encoded(html)]
    # The marks of places stand in for them while the MIME structure is laid round the parts.
    body = mime.body_of(b"\x00".join(encoded[: len(text) // 2 + 1]), b"\x00".join(encoded[len(text) // 2 + 1 :]))
    places = (*map(int, text[1::2]), *(values + int(place) for place in html[1::2]))
    first, *others = body.content.split(b"\x00")
    return Plate(shared, headers, (body.headers + b"\r\n" + first, *others), places)


def _encoded(pieces: Pieces) -> list[bytes]:
    """The pieces that are the same for all; each but the last is followed by a place."""
    fixed = pieces[::2]
    return [*map(quoted_printable.up_to_a_place, fixed[:-1]), quoted_printable.whole(fixed[-1])]
