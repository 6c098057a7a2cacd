"""Periods: ISO weeks as calendar keys, and the moment at which each week's edition is due."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from intouch.errors import BadInput
from intouch.settings import WEEKDAYS

_KEY = re.compile(r"^(20[0-9]{2})-W([0-9]{2})$")
_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Weekly:
    """A time of the week in the council's time zone, such as Friday 16:00."""

    weekday: int  # Monday is 0
    at: time
    zone: ZoneInfo


def weekly(text: str, zone: ZoneInfo) -> Weekly:
    """``fri 16:00`` as the settings have it, in ``zone``."""
    day, _, clock = text.partition(" ")
    return Weekly(WEEKDAYS.index(day), time.fromisoformat(clock), zone)


def period_of(day: date) -> str:
    """The ISO week that ``day`` lies in: ``2026-W47`` (ISO 8601; the year is the one that the week's Thursday is in)."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def monday_of(period: str) -> date:
    """The first day of a period; raises ``BadInput`` for what is no ISO week."""
    match = _KEY.match(period)
    try:
        return date.fromisocalendar(int(match[1]), int(match[2]), 1) if match else _refuse(period)
    except ValueError:
        return _refuse(period)


def _refuse(period: str) -> date:
    raise BadInput(f"“{period[:40]}” is not a week. Write the year and the ISO week, for example 2026-W47.")


def due_at(period: str, when: Weekly) -> datetime:
    """The moment, in UTC, at which the edition of ``period`` is due.

    A time that the clocks skip in spring means the moment they jump to it (the wall clock then shows an hour more);
    a time that comes twice in autumn means the first of the two.
    """
    local = datetime.combine(monday_of(period) + timedelta(days=when.weekday), when.at, tzinfo=when.zone)
    return local.astimezone(UTC)


def due_between(when: Weekly, *, after: datetime, until: datetime) -> Iterator[str]:
    """The periods that fell due later than ``after`` and not later than ``until``, the earliest first."""
    period = period_of(after.astimezone(when.zone).date() - _WEEK)
    while (moment := due_at(period, when)) <= until:
        if moment > after:
            yield period
        period = next_period(period)


def last_due(when: Weekly, now: datetime) -> str:
    """The period that fell due last."""
    period = period_of(now.astimezone(when.zone).date())
    return period if due_at(period, when) <= now else previous_period(period)


def next_period(period: str) -> str:
    """The week after."""
    return period_of(monday_of(period) + _WEEK)


def previous_period(period: str) -> str:
    """The week before."""
    return period_of(monday_of(period) - _WEEK)
