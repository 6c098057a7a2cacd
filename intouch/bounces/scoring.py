"""Scoring: when trouble that may pass has lasted too long (docs/decisions/0111)."""

from __future__ import annotations

from datetime import date, timedelta

LIMIT = 5
FORGOTTEN_AFTER = timedelta(days=30)


def score(before: int, last_on: date | None, today: date) -> int:
    """The score after one more soft bounce: at most one a day counts, and 30 days without one forget them all."""
    if last_on is None or today - last_on > FORGOTTEN_AFTER:
        return 1
    return before if today <= last_on else before + 1


def is_too_much(points: int) -> bool:
    return points >= LIMIT
