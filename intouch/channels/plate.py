"""Plate: a letter encoded once for all its readers; for each of them only bytes are joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import escape

from intouch.channels import mime, quoted_printable
from intouch.channels.mime import Clean

Pieces = tuple[str, ...]  # what is the same for all at the even indexes, and between them the number of a personal value


@dataclass(frozen=True, slots=True)
class Plate:
    """Bytes that are the same for all, and which personal value stands between them.

    Each value is a line of its own between soft line breaks, so whatever its length, nothing else moves. The values of the
    HTML part are counted behind those of the plain text.
    """

    shared: bytes
    body: tuple[bytes, ...]
    places: tuple[int, ...]

    def copy(self, headers: bytes, words: Sequence[str]) -> Clean:
        """One reader's message: their ``headers``, and their ``words``, one line each, at the places."""
        values = [quoted_printable.value(word) for word in words]
        for number, word in enumerate(words):
            escaped = str(escape(word))
            values.append(values[number] if escaped == word else quoted_printable.value(escaped))
        joined = [b""] * (len(self.body) + len(self.places))
        joined[::2] = self.body
        joined[1::2] = [values[place] for place in self.places]
        return Clean(b"".join((self.shared, headers, *joined)))


def engrave(shared: bytes, *, text: Pieces, html: Pieces, values: int) -> Plate:
    """The plate of a letter whose two parts are cut at the places of ``values`` personal values."""
    encoded = [*_encoded(text), *_encoded(html)]
    # The marks of places stand in for them while the MIME structure is laid round the parts.
    body = mime.body_of(b"\x00".join(encoded[: len(text) // 2 + 1]), b"\x00".join(encoded[len(text) // 2 + 1 :]))
    places = (*map(int, text[1::2]), *(values + int(place) for place in html[1::2]))
    first, *others = body.content.split(b"\x00")
    return Plate(shared, (body.headers + b"\r\n" + first, *others), places)


def _encoded(pieces: Pieces) -> list[bytes]:
    """The pieces that are the same for all; each but the last is followed by a place."""
    fixed = pieces[::2]
    return [*map(quoted_printable.up_to_a_place, fixed[:-1]), quoted_printable.whole(fixed[-1])]
