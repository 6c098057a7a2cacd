"""Wording: what a person wrote, made safe to store and to show, and short enough."""

from __future__ import annotations

import re

from intouch import legible
from intouch.errors import BadInput


def cleaned(text: str) -> str:
    """``text`` without control characters, halves of characters and marks that turn its direction; "" if nothing is left to see."""
    kept = "".join(letter for letter in text if _is_kept(letter)).strip()
    kept = re.sub(r"\n{3,}", "\n\n", kept)
    return "" if legible.is_blank(kept) else kept


def _is_kept(letter: str) -> bool:
    return letter in "\n\t" or legible.is_clean(letter)


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
