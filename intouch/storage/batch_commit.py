"""Batch commit: things of one kind that wait together are done by one piece of work in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.storage.pump import Pump
from intouch.storage.sessions import Sessions

Item = TypeVar("Item")
Result = TypeVar("Result")

LARGEST_BATCH = 100  # so that nobody waits long for those in the same batch


@dataclass(slots=True, eq=False)
class Waiting(Generic[Item, Result]):
    """One that waits, and where it hears what came of it."""

    item: Item
    heard: asyncio.Future[Result | None]
    stored: Callable[[], None] | None = None

    def tell(self, result: Result | None) -> None:
        if not self.heard.done():  # whoever asked may have gone
            self.heard.set_result(result)


class BatchCommit(Generic[Item, Result]):
    """Where ``GroupCommit`` saves COMMITs, this saves statements: a batch of a hundred needs as many as one alone.

    ``work`` gives a result for each item, in their order, and None for one that is better done by itself: for that it must
    have written nothing. It may be run in the writer's thread, so it does nothing but read and write its session. ``on_fault``
    hears of what took a batch back.
    """

    def __init__(
        self,
        sessions: Sessions,
        work: Callable[[AsyncSession, Sequence[Item]], Awaitable[Sequence[Result | None]]],
        on_fault: Callable[[Exception], None],
    ) -> None:
        self._sessions = sessions
        self._work = work
        self._on_fault = on_fault
        self.pump: Pump[Waiting[Item, Result]] = Pump(sessions, self._settle, largest=LARGEST_BATCH)

    async def run(self, item: Item, stored: Callable[[], None] | None = None) -> Result | None:
        """What came of it, committed; None when nothing of it is stored and it has to be done by itself.

        That is so after a fault too: no neighbour may spoil it, and done by itself it says what is wrong. ``stored`` is called for
        the whole batch before anybody goes on with their result, so that who brings the next ones need not wait for all of that.
        """
        waiting: Waiting[Item, Result] = Waiting(item, asyncio.get_running_loop().create_future(), stored)
        self.pump.add(waiting)
        return await waiting.heard

    async def close(self) -> None:
        """Let the batches that are under way end."""
        await self.pump.close()

    async def _settle(self, waiting: list[Waiting[Item, Result]]) -> Sequence[Waiting[Item, Result]]:
        batch = [one for one in waiting if not one.heard.done()]
        results = await self._transact(batch)
        for one, result in zip(batch, results, strict=True):
            if result is not None and one.stored is not None:
                one.stored()
        for one, result in zip(batch, results, strict=True):
            one.tell(result)
        return ()

    async def _transact(self, batch: Sequence[Waiting[Item, Result]]) -> Sequence[Result | None]:
        items = [one.item for one in batch]
        try:
            return await self._sessions.transact(lambda session: self._work(session, items)) if items else ()
        except asyncio.CancelledError:
            for one in batch:
                one.heard.cancel()
            raise
        except Exception as error:
            self._on_fault(error)
            return [None] * len(batch)
