"""The clock: where ``now`` comes from, once, at the edge of the house."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time; everything below the edges takes ``now`` as an argument instead."""

    def now(self) -> datetime:
        """The present moment as an aware UTC datetime."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ShiftedClock:
    """A clock that runs at the usual pace but can be set: the demo and the tests let time pass with it."""

    def __init__(self, start: datetime | None = None) -> None:
        self._offset = timedelta(0)
        if start is not None:
            self.set(start)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def set(self, moment: datetime) -> None:
        """Make ``moment`` (aware) the present; the clock runs on from there."""
        self._offset = moment.astimezone(UTC) - datetime.now(UTC)
