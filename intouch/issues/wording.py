"""Wording: what a person wrote, made safe to store and to show, and short enough."""

from __future__ import annotations

import re
import unicodedata

from intouch.errors import BadInput

# Marks that turn the direction of all that follows, ours included; words in Arabic or Hebrew don't need them.
_TURNERS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_UNSEEN = re.compile(r"[\s\u200b\u200c\u200d\u2060\ufeff\ufe0f]*")


def cleaned(text: str) -> str:
    """``text`` without control characters, halves of characters and marks that turn its direction; "" if nothing is left to see."""
    kept = "".join(letter for letter in text if _is_kept(letter)).strip()
    kept = re.sub(r"\n{3,}", "\n\n", kept)
    return "" if _UNSEEN.fullmatch(kept) else kept


def _is_kept(letter: str) -> bool:
    # PostgreSQL refuses NUL, and UTF-8 has no way to write half a surrogate pair.
    return letter == "\n" or (unicodedata.category(letter) not in ("Cc", "Cs") and letter not in _TURNERS) or letter == "\t"


def within(text: str, limit: int, *, what: str) -> str:
    """``text`` cleaned; raises ``BadInput`` when nothing is left or more than ``limit`` characters are."""
    words = cleaned(text)
    if not words:
        raise BadInput(f"There was nothing to read in that. Please write {what} in words.")
    if len(words) > limit:
        raise BadInput(
            f"That is {len(words):,} characters long, and {limit:,} is the most for {what}. "
            "Your message is still above: please copy it, shorten it and send it again."
        )
    return words
