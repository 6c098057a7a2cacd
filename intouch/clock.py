"""The clock: where ``now`` comes from, once, at the edge of the house."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

# Seconds on a clock that nobody sets and that goes on while the machine is suspended, where there is such a one: a lease runs out then.
elapsed: Callable[[], float] = partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic


class Clock(Protocol):
    """Tells the time; everything below the edges takes ``now`` as an argument instead."""

    def now(self) -> datetime:
        """The present moment as an aware UTC datetime."""


def _machine() -> datetime:
    return datetime.now(UTC)


class SystemClock:
    """The machine's own clock, and by how much it was found to be wrong."""

    def __init__(self, machine: Callable[[], datetime] = _machine) -> None:
        self._machine = machine
        self._wrong = timedelta(0)

    def now(self) -> datetime:
        return self._machine() + self._wrong

    def put_right(self, by: timedelta) -> None:
        """From now on it shows so much more."""
        self._wrong += by


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
