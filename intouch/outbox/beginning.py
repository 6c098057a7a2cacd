"""Beginning: a mark, committed before the call, that a chat message may have left; many in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import logs
from intouch.clock import Clock
from intouch.outbox.models import State
from intouch.outbox.parcel import TABLE
from intouch.storage.among import among
from intouch.storage.sessions import Sessions

log = logs.get("outbox")

# Made once: each chat message of a bulk has a mark of its own, since Telegram takes one at a time.
_MARK = (
    sa.update(TABLE)
    .where(among(TABLE.c.id, "ids"), TABLE.c.leased_by == sa.bindparam("holder"), TABLE.c.state == State.SENDING)
    .values(begun_at=sa.bindparam("now"))
    .returning(TABLE.c.id)
)


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
        asked = {"ids": sorted(numbers), "holder": self._holder, "now": self._clock.now()}

        async def mark(session: AsyncSession) -> set[int]:
            return set(await session.scalars(_MARK, asked))

        # In one go, so that the call follows the COMMIT at once: whoever dies in between leaves a message of which nobody knows.
        return await self._sessions.transact(mark)
