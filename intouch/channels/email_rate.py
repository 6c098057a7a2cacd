"""Email rate: when the next email may leave, where the mail server's URL names so many a second."""

from __future__ import annotations

import asyncio
import contextlib
import math


class EmailRate:
    """Places for emails, evenly spaced: ``per_second`` of them, or a part of that while other processes send too; 0 knows no limit."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._part = 1.0
        self._next = 0.0
        self._turn = asyncio.Lock()  # the first in the queue waits for the place, and the others for it
        self._changed = asyncio.Event()
        self._is_halting = False

    def part_of(self, place: int, processes: int, *, reserved: int = 0) -> float:
        """The part of one of so many processes."""
        return 1.0 / processes

    def share(self, part: float) -> None:
        """Keep to this part of the whole rate, because other processes send by the same server; 0 holds everything."""
        self._part = part
        if part > 0:
            self._next = min(self._next, _now() + self._gap)
        self._changed.set()

    def halt(self) -> None:
        """Let go of all who wait: nothing leaves any more."""
        self._is_halting = True
        self._changed.set()

    async def place(self) -> None:
        """Until this email may leave, or nothing may."""
        if not self.per_second:
            return
        async with self._turn:
            while (early := self._early()) > 0:
                await self._rest(early)
            is_on_time = _now() - self._next < self._gap  # a timer that rang late is made up for; a silence gives no right to a burst
            self._next = (self._next if is_on_time else _now()) + self._gap

    async def _rest(self, seconds: float) -> None:
        """So many seconds, or less when the rate changes or all is let go."""
        self._changed.clear()
        if not self._is_halting:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds if math.isfinite(seconds) else None):
                    await self._changed.wait()

    @property
    def _gap(self) -> float:
        return 1.0 / (self.per_second * self._part) if self._part > 0 else math.inf

    def _early(self) -> float:
        if self._is_halting:
            return 0.0
        return self._next - _now() if self._part > 0 else math.inf


def _now() -> float:
    return asyncio.get_running_loop().time()
