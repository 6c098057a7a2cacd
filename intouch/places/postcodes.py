"""Postcodes: reading a UK postcode however people type it, and writing it the usual way."""

from __future__ import annotations

import re
import unicodedata
from itertools import product

from intouch.errors import BadInput

# Royal Mail's rules for which letters stand where in the outward half (A9, A99, A9A, AA9, AA99, AA9A); 9AA follows.
_FIRST, _SECOND, _THIRD, _FOURTH = "A-PR-UWYZ", "A-HK-Y", "ABCDEFGHJKPSTUW", "ABEHMNPRVWXY"
_INWARD = "[0-9][A-Z]{2}"
# A district of one letter has no 0, and one of two digits does not begin with it.
_OUTWARD = f"(?:[{_FIRST}][1-9](?:[0-9]|[{_THIRD}])?|[{_FIRST}][{_SECOND}][0-9](?:(?<=[1-9])[0-9]|[{_FOURTH}])?|GIR)"
_POSTCODE = re.compile(f"{_OUTWARD}{_INWARD}")
_IN_A_SENTENCE = re.compile(rf"(?<!\w)({_OUTWARD})[\s-]*({_INWARD})(?!\w)")
# What is read or typed for something else; which one it was is decided by which of them makes a postcode.
_CONFUSED = {"O": "O0", "0": "0O", "I": "I1", "1": "1I", "L": "L1"}
_SEPARATORS = re.compile(r"[^A-Z0-9]")
_LONGEST_MESSAGE = 300


def strict(text: str) -> str | None:
    """The postcode without its space when ``text`` is one but for case and spaces; nothing is guessed (for files)."""
    compact = "".join(text.upper().split())
    return compact if _POSTCODE.fullmatch(compact) else None


def normalise(text: str) -> str:
    """``sr1-1ae``, ``SRI 1AE`` or ``I live at SR1 1AE`` → ``SR11AE``; raises ``BadInput`` when it is no postcode."""
    plain = unicodedata.normalize("NFKC", text[:_LONGEST_MESSAGE]).upper()
    # A letter of another script was no slip of the finger: leaving it out would make up a postcode.
    compact = "" if any(c.isalnum() and not c.isascii() for c in plain) else _SEPARATORS.sub("", plain)
    found = {compact} if _POSTCODE.fullmatch(compact) else _unconfused(compact) or _in_a_sentence(plain)
    if len(found) != 1:
        raise BadInput("That doesn't look like a full postcode. A postcode looks like this: SR1 1AE. Please type yours.")
    return found.pop()


def display(postcode: str) -> str:
    """``SR11AE`` → ``SR1 1AE``."""
    return f"{postcode[:-3]} {postcode[-3:]}"


def district(postcode: str) -> str:
    """The outward half: ``SR11AE`` → ``SR1``."""
    return postcode[:-3]


def _unconfused(compact: str) -> set[str]:
    if not 5 <= len(compact) <= 7 or not any(character.isdigit() for character in compact):
        return set()  # without one digit it is a word, however much HILLS looks like H1 1LS
    spellings = map("".join, product(*(_CONFUSED.get(character, character) for character in compact)))
    return {spelling for spelling in spellings if _POSTCODE.fullmatch(spelling)}


def _in_a_sentence(plain: str) -> set[str]:
    return {outward + inward for outward, inward in _IN_A_SENTENCE.findall(plain)}
