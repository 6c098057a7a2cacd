"""Legible: which characters a person sees, and which would rule the terminal or the line that they stand on."""

from __future__ import annotations

import re
import unicodedata

# Control characters but tab and line ends, and marks that turn the direction of all that follows.
RULING = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
JOINERS = ("\u200c", "\u200d")  # unseen, and names of several scripts and emoji are written with them
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # Hangul fillers and an empty Braille cell count as letters and signs


def is_blank(text: str) -> bool:
    """Whether nothing of ``text`` can be seen: spaces, zero-width marks, accents without a letter."""
    return not any(unicodedata.category(character)[0] in "LNPS" and character not in _BLANK_LETTERS for character in text)


def is_clean(character: str) -> bool:
    """Whether a database and a message can hold it and it rules no line: no control character, no half of a pair, no turning mark."""
    # PostgreSQL refuses NUL, and UTF-8 has no way to write half a surrogate pair.
    return unicodedata.category(character) not in ("Cc", "Cs") and not RULING.match(character)


def look(text: str) -> str:
    """What tells ``text`` apart on a screen: without case, and without the marks that nobody sees."""
    return "".join(character for character in text if unicodedata.category(character) != "Cf").casefold()


def for_terminal(text: str) -> str:
    """``text`` with a � for whatever would move, colour or turn around what stands on a terminal."""
    return RULING.sub("\ufffd", text)
