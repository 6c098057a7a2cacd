"""Wording: how long the texts of a survey may be, and how typed text is made fit to store and show."""

from __future__ import annotations

import re
from collections.abc import Sequence

from intouch import legible

TITLE_LIMIT = 100
WHY_LIMIT = 500
QUESTION_LIMIT = 300  # as Telegram limits the question of its own polls
OPTION_LIMIT = 100
OPTIONS_LIMIT = 10
QUESTIONS_LIMIT = 10
WORDS_LIMIT = 1_000  # of a free-text answer

_SPACES = re.compile(r"\s+")


def length(text: str) -> int:
    """Characters as Telegram counts them: UTF-16 units, so that an emoji is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def tidy_line(text: str) -> str:
    """``text`` on one line, without spaces at its ends or doubled within."""
    return _SPACES.sub(" ", text).strip()


def is_clean(text: str) -> bool:
    """Whether a database and a message can hold every character: no control characters, no halves of a pair, nothing that turns a line."""
    return all(map(_is_clean, text))


def printable(text: str) -> str:
    """``text`` with what is not clean taken out."""
    return "".join(filter(_is_clean, text))


def _is_clean(character: str) -> bool:
    return character == "\n" or legible.is_clean(character)


def shorten(text: str, limit: int) -> str:
    """``text``, cut with an ellipsis where it is longer than ``limit`` characters."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def is_title(title: str, questions: Sequence[str]) -> bool:
    """Whether ``title`` is the only question, whole or cut off by ``shorten``: then the two need to be said only once."""
    return len(questions) == 1 and questions[0].startswith(title.rstrip("…"))
