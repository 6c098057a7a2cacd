"""Handful: the updates of one answer of the Bot API, until it may forget each of them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any

# An update that takes longer is written down, so that a slow photo does not keep everybody else waiting.
PATIENCE = 1.0


class Handful:
    """Whoever waits for the last of them is woken at once: the next are fetched while these are replied to."""

    def __init__(self, bodies: Sequence[dict[str, Any]]) -> None:
        self._left = {body["update_id"]: body for body in bodies}
        self._is_done = asyncio.Event()

    @property
    def left(self) -> list[dict[str, Any]]:
        """The bodies of those that are not settled yet."""
        return list(self._left.values())

    def settle(self, update_id: int) -> None:
        """The Bot API may forget this one; safe to say twice."""
        self._left.pop(update_id, None)
        if not self._left:
            self._is_done.set()

    async def wait(self, *, standstill: float) -> None:
        """Until all are settled, for ``PATIENCE`` seconds at most, or until none of them is for ``standstill`` seconds."""
        until = time.monotonic() + PATIENCE
        while self._left and (rest := until - time.monotonic()) > 0:
            before = len(self._left)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(rest, standstill)):
                    await self._is_done.wait()
            if len(self._left) == before:
                return
