"""Beginning: a mark, committed before the call, that a chat message may have left; many in one transaction.

The marks of all processes tell each of them, too, when another has just written to the same chat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import logs
from intouch.clock import Clock
from intouch.outbox.models import Lane, Road, State
from intouch.outbox.parcel import TABLE
from intouch.storage.among import among
from intouch.storage.sessions import Sessions

log = logs.get("outbox")


# Between its mark and its call a message may be held up: the next to the same chat keeps so much more of a distance.
_SLACK = timedelta(seconds=0.1)
_MINE, _OTHER = TABLE.alias("mine"), TABLE.alias("other")
_IS_NEAR = sa.and_(
    _OTHER.c.address == _MINE.c.address,
    _OTHER.c.road == Road.TELEGRAM,
    _OTHER.c.id != _MINE.c.id,
    # Not later than now: the clock may have been set back.
    _OTHER.c.begun_at.between(sa.bindparam("since"), sa.bindparam("now")),
)
_NEIGHBOURS = (
    sa.select(_MINE.c.id, _MINE.c.address, _OTHER.c.id, _OTHER.c.begun_at)
    .select_from(_MINE.outerjoin(_OTHER, _IS_NEAR))
    .where(among(_MINE.c.id, "ids"), _MINE.c.lane != Lane.REPLY)
)
_ONE_AT_A_TIME = sa.text("SELECT pg_advisory_xact_lock(4711202612)")
_MARK = (
    sa.update(TABLE)
    .where(among(TABLE.c.id, "ids"), TABLE.c.leased_by == sa.bindparam("holder"), TABLE.c.state == State.SENDING, TABLE.c.address != "")
    .values(begun_at=sa.bindparam("now"))
    .returning(TABLE.c.id)
)


class Beginnings:
    """Marks the deliveries of one holder; those that ask while others are being written share the next transaction.

    A pacer keeps the messages of its own process to one chat apart; here they are kept ``apart`` seconds from those of others.
    Replies wait for nobody.
    """

    def __init__(self, sessions: Sessions, clock: Clock, holder: str, *, apart: float = 1.0) -> None:
        self._sessions = sessions
        self._clock = clock
        self._holder = holder
        self._apart = timedelta(seconds=apart) + _SLACK
        # What went when its pacer had it: the pacer sees to the next one. It knows nothing of those that were late.
        self._paced: dict[int, datetime] = {}
        self._late: set[int] = set()
        self._waiting: dict[int, asyncio.Future[bool | float]] = {}
        self._writing: asyncio.Task[None] | None = None

    async def begin(self, number: int) -> bool:
        """Whether the mark is committed. False: the delivery is no longer ours, or the database is away; do not send it."""
        try:
            while True:
                marked = await self._ask(number)
                if isinstance(marked, bool):
                    return marked
                self._late.add(number)
                await asyncio.sleep(marked)
        finally:
            self._late.discard(number)

    async def _ask(self, number: int) -> bool | float:
        """Whether it is marked, or how many seconds its chat needs before."""
        marked: asyncio.Future[bool | float] = asyncio.get_running_loop().create_future()
        self._waiting[number] = marked
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await marked

    async def _write(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, {}
            try:
                found = await self._mark(group.keys())
            except Exception as error:
                log.warning("outbox.not_begun", deliveries=len(group), error=type(error).__name__)
                found = {}
            for number, marked in group.items():
                if not marked.done():
                    marked.set_result(found.get(number, False))

    async def _mark(self, numbers: Collection[int]) -> dict[int, bool | float]:
        async def mark(session: AsyncSession) -> dict[int, bool | float]:
            if not self._sessions.is_sqlite:  # two that are marked at the same moment would not see each other
                await session.execute(_ONE_AT_A_TIME)
            now = self._clock.now()
            waits = await self._waits(session, numbers, now)
            ids = [number for number in numbers if number not in waits]
            marked = set(await session.scalars(_MARK, {"ids": ids, "holder": self._holder, "now": now}))
            self._paced |= dict.fromkeys(marked - self._late, now)
            return waits | dict.fromkeys(marked, True)

        # In one go, so that the call follows the COMMIT at once: whoever dies in between leaves a message of which nobody knows.
        async with self._sessions.in_time():
            return await self._sessions.transact(mark)

    async def _waits(self, session: AsyncSession, numbers: Collection[int], now: datetime) -> dict[int, float]:
        """Those whose chats were just written to without their pacer's knowledge, and for how long they wait."""
        since = now - self._apart
        self._paced = {number: at for number, at in self._paced.items() if at > since}
        chats: dict[int, str] = {}
        waits: dict[int, float] = {}
        for mine, chat, other, at in await session.execute(_NEIGHBOURS, {"ids": list(numbers), "since": since, "now": now}):
            chats[mine] = chat
            if other is not None and other not in self._paced:
                waits[mine] = max(waits.get(mine, 0.0), (at - since).total_seconds())
        return waits | self._behind_each_other({mine: chat for mine, chat in chats.items() if mine not in waits})

    def _behind_each_other(self, chats: dict[int, str]) -> dict[int, float]:
        """Of those that may go to one chat now, all but the first."""
        first = {chat: number for number, chat in reversed(chats.items())}
        return {number: self._apart.total_seconds() for number, chat in chats.items() if first[chat] != number}
