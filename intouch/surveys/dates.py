"""Dates: a moment as an officer writes it in council time, clock changes included."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from intouch.templating import dated, time_of_day

_EXAMPLE = "2026-12-05T18:00:00"
_YEARS = range(2000, 2101)


class Unusable(ValueError):
    """The value is no moment; the sentence says what to write."""


def read_moment(value: Any, zone: ZoneInfo, *, ends: bool) -> datetime:
    """``value`` as TOML gives it, as UTC.

    A time without an offset is council time. A bare date is the whole day: its first minute, or its last one where
    it ``ends`` something. Where the clocks go back and an hour comes twice, a start is the first and an end the
    second of the two, so that nobody gets less time than was promised.
    """
    if value is None:
        raise Unusable(f"is missing; write for example {_EXAMPLE}")
    if isinstance(value, str):
        raise Unusable(f"must be a date without quotes; write for example {_EXAMPLE}")
    if not isinstance(value, date):
        raise Unusable(f"must be a date, or a date and a time; write for example {_EXAMPLE}")
    if value.year not in _YEARS:
        raise Unusable(f"is in the year {value.year}; write for example {_EXAMPLE}")
    if not isinstance(value, datetime):
        value = datetime.combine(value, time(23, 59) if ends else time(0, 0))
    return value.astimezone(UTC) if value.tzinfo else _in_zone(value, zone, ends=ends)


def _in_zone(value: datetime, zone: ZoneInfo, *, ends: bool) -> datetime:
    moment = value.replace(tzinfo=zone, fold=1 if ends else 0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != value:
        raise Unusable(
            f"{time_of_day(value)} does not exist on {dated(value)}, because the clocks go forward; write an hour earlier or later"
        )
    return moment
