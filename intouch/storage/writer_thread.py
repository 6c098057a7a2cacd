"""Writer thread: SQLite's one writer as a thread with an event loop of its own, so that no statement has to change threads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")


class WriterThread:
    """Runs one piece of work after the other on an engine that only this thread uses; ``open_engine`` is called in it."""

    def __init__(self, open_engine: Callable[[], AsyncEngine]) -> None:
        self._open_engine = open_engine
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._runner: asyncio.Runner | None = None
        self._engine: AsyncEngine | None = None

    async def run(self, work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
        """What ``work`` gives; it touches nothing of the caller's loop. When this is cancelled, the work still ends first."""
        under_way = asyncio.get_running_loop().run_in_executor(self._pool, self._run, work)
        try:
            return await asyncio.shield(under_way)
        except asyncio.CancelledError:
            await asyncio.wait([under_way])  # the file must not get another writer of ours meanwhile
            raise

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._pool, self._close)
        self._pool.shutdown()

    def _run(self, work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
        if self._runner is None or self._engine is None:
            self._runner = asyncio.Runner()
            self._engine = self._open_engine()
        try:
            return self._runner.run(_done(work(self._engine)))
        except BaseException:
            # Nobody knows in what state the connection is: what comes next gets a new one.
            self._runner.run(self._engine.dispose())
            raise

    def _close(self) -> None:
        if self._runner is not None and self._engine is not None:
            self._runner.run(self._engine.dispose())
            self._runner.close()


def _done(work: Awaitable[T]) -> Coroutine[Any, Any, T]:
    async def awaited() -> T:
        return await work

    return awaited()
