"""Pump: whoever waits for the database goes in groups, one group after another, without waiting for company."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from intouch.storage.sessions import Sessions, writing

T = TypeVar("T")

GROUPS_AT_ONCE = 4  # on PostgreSQL; SQLite has one writer


class Pump(Generic[T]):
    """Hands what waits to ``settle`` in groups of at most ``largest``; it gives back those for whom no time was left."""

    def __init__(self, sessions: Sessions, settle: Callable[[list[T]], Awaitable[Sequence[T]]], *, largest: int) -> None:
        self._settle = settle
        self._largest = largest
        self._waiting: list[T] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._pumping = 0
        self._most = 1 if sessions.is_sqlite else GROUPS_AT_ONCE
        self.groups = 0

    def add(self, one: T) -> None:
        if writing.get():
            raise RuntimeError("a writing transaction is already open in this task")
        self._waiting.append(one)
        if self._pumping < self._most:
            self._pumping += 1
            task = asyncio.create_task(self._pump())
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Let the groups that are under way end."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _pump(self) -> None:
        try:
            while self._waiting:
                group = self._waiting[: self._largest]
                del self._waiting[: self._largest]
                self.groups += 1
                self._waiting[:0] = await self._settle(group)
        finally:
            # At once, not when the task is seen to be done: whoever comes in between would wait for nobody.
            self._pumping -= 1
