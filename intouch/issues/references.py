"""References: the public number of a report, easy to read out and hard to get wrong."""

from __future__ import annotations

import secrets
import unicodedata

from intouch.errors import BadInput

# Of every pair that looks alike (0 O, 1 I L, 2 Z, 5 S, 6 G, 8 B, V U) at most one is here; no vowels, so no words.
ALPHABET = "23456789CDFHJKMNPQRTVWXY"
LENGTH = 5
_PREFIX = "SR"
_MISREAD = str.maketrans("ZSGBU", "2568V")


def new() -> str:
    """A reference by chance, out of eight million: ``SR-7K3M2``. Whether it is taken is for the database to say."""
    return f"{_PREFIX}-{''.join(secrets.choice(ALPHABET) for _ in range(LENGTH))}"


def normalise(text: str) -> str:
    """``SR-7K3M2`` from any way of typing it; raises ``BadInput`` for what can't be a reference."""
    letters = "".join(letter for letter in unicodedata.normalize("NFKC", text).upper() if letter.isalnum())
    if len(letters) == LENGTH + len(_PREFIX) and letters.translate(_MISREAD).startswith(_PREFIX.translate(_MISREAD)):
        letters = letters[len(_PREFIX) :]
    code = letters.translate(_MISREAD)
    if len(code) != LENGTH or any(letter not in ALPHABET for letter in code):
        raise BadInput("That isn't a report's reference. It looks like SR-7K3M2: SR and five letters or digits.")
    return f"{_PREFIX}-{code}"
