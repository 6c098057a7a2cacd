"""Plate: a letter encoded once for all its readers; for each of them only bytes are joined."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter

from markupsafe import escape

from intouch.channels import mime, quoted_printable
from intouch.channels.mime import Clean

_SPECIAL = re.compile("[&<>'\"]")
Pieces = tuple[str, ...]  # what is the same for all at the even indexes, and between them the number of a personal value
# A personal value: somebody's words, or as bytes a signed token, which needs no encoding and no escaping wherever it stands.
Word = str | bytes
_GIVEN, _OWN, _FIRST = 1, 2, 4  # where in a copy its reader's headers stand, those of ours that are personal, and the first value


class Plate:
    """Bytes that are the same for all, and which personal value stands between them.

    Each value is a line of its own between soft line breaks, so whatever its length, nothing else moves. The values of the
    HTML part are counted behind those of the plain text.
    """

    __slots__ = ("_blank", "_gaps", "_own", "_picked")

    def __init__(self, shared: bytes, headers: Mapping[str, Pieces], body: Sequence[bytes], places: Sequence[int]) -> None:
        self._blank = [shared, b"", b"", *(part for piece in body for part in (piece, b""))][:-1]
        self._gaps = slice(_FIRST, len(self._blank), 2)
        self._own = [_own_header(name, pieces) for name, pieces in headers.items()]
        self._picked = _picker(places)

    def copy(self, headers: bytes, words: Sequence[Word]) -> Clean:
        """One reader's message: their ``headers`` beside ours, and their ``words``, one line each, at the places."""
        text, html = [], []
        for word in words:
            in_text, in_html = (line := quoted_printable.token(word), line) if type(word) is bytes else _lines(str(word))
            text.append(in_text)
            html.append(in_html)
        pieces = self._blank.copy()
        pieces[_GIVEN] = headers
        pieces[_OWN] = b"".join([own(words) for own in self._own])
        pieces[self._gaps] = self._picked(text + html)
        return Clean(pieces)


@lru_cache(maxsize=1024)  # many people share a first name
def _lines(word: str) -> tuple[bytes, bytes]:
    """Somebody's words as they stand in the plain text and in the HTML."""
    line = quoted_printable.value(word)
    return line, quoted_printable.value(str(escape(word))) if _SPECIAL.search(word) else line


def _picker(places: Sequence[int]) -> Callable[[Sequence[bytes]], Sequence[bytes]]:
    # ``itemgetter`` is several times as fast as a loop, and gives something else than a tuple where there is only one place or none.
    return itemgetter(*places) if len(places) > 1 else lambda values: [values[place] for place in places]


def _own_header(name: str, pieces: Pieces) -> Callable[[Sequence[Word]], bytes]:
    """What gives the header ``name``, which is cut into ``pieces``, for the words of a reader."""

    def composed(words: Sequence[Word]) -> bytes:
        return mime.extra_headers({name: fill(pieces, words)})

    fixed = "".join(pieces[::2])
    mime.extra_headers({name: fixed})  # what can't stand there is told now, and of tokens nothing has to be looked at any more
    if len(pieces) != 3 or not fixed.isascii() or " " in fixed:
        return composed
    before, at, after = f"{name}: {pieces[0]}".encode(), int(pieces[1]), f"{pieces[2]}\r\n".encode()
    room = mime.UNFOLDED - len(before) - len(after)

    def joined(words: Sequence[Word]) -> bytes:
        word = words[at]
        return before + word + after if isinstance(word, bytes) and len(word) <= room else composed(words)

    return joined


def fill(pieces: Pieces, words: Sequence[Word]) -> str:
    """The pieces with the words at their places."""
    return "".join(told(words[int(piece)]) if odd % 2 else piece for odd, piece in enumerate(pieces))


def told(word: Word) -> str:
    """A personal value as text."""
    return word.decode() if isinstance(word, bytes) else word


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
