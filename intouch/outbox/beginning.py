"""Beginning: a mark, committed before the call, that a chat message may have left; many in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import logs
from intouch.clock import Clock
from intouch.outbox.models import Delivery, State
from intouch.storage.sessions import Sessions

log = logs.get("outbox")


class Beginnings:
    """Marks the deliveries of one holder; those that ask while others are being written share the next transaction."""

    def __init__(self, sessions: Sessions, clock: Clock, holder: str) -> None:
        self._sessions = sessions
        self._clock = clock
        self._holder = holder
        self._waiting: dict[int, asyncio.Future[bool]] = {}
        self._writing: asyncio.Task[None] | None = None

    async def begin(self, number: int) -> bool:
        """Whether the mark is committed. False: the delivery is no longer ours, or the database is away; do not send it."""
        marked: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[number] = marked
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await marked

    async def _write(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, {}
            try:
                ours = await self._mark(group.keys())
            except Exception as error:
                log.warning("outbox.not_begun", deliveries=len(group), error=type(error).__name__)
                ours = set()
            for number, marked in group.items():
                if not marked.done():
                    marked.set_result(number in ours)

    async def _mark(self, numbers: Collection[int]) -> set[int]:
        mine = sa.and_(Delivery.id.in_(sorted(numbers)), Delivery.leased_by == self._holder, Delivery.state == State.SENDING)
        statement = sa.update(Delivery).where(mine).values(begun_at=self._clock.now()).returning(Delivery.id)

        async def mark(session: AsyncSession) -> set[int]:
            return set(await session.scalars(statement, execution_options={"synchronize_session": False}))

        # In one go, so that the call follows the COMMIT at once: whoever dies in between leaves a message of which nobody knows.
        return await self._sessions.transact(mark)
