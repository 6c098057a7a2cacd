"""Sharing: processes that send by one mail server or speak for one bot divide its pace, so that together they never exceed it."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import logs
from intouch.channels.pacing import BULK, NOTICE, Pacer
from intouch.clock import Clock
from intouch.outbox.leases import LONGEST_SKEW, nobody_has
from intouch.outbox.models import Lease
from intouch.storage.inserting import insert
from intouch.storage.sessions import Sessions

log = logs.get("outbox")

_REPLIES, _STOP, _NEEDS = "replies ", "stop ", "needs "

LOOK_EVERY = 1.0
LEASE = timedelta(seconds=30)
RENEW_EVERY = 10.0
# Whoever has not seen the others for this long says nothing more: one that joined meanwhile counts on it.
BLIND_AFTER = 4.0
JOIN_AFTER = 5.0
# Calls a second that are left to each process that only replies: nobody sees its replies but Telegram, which counts them.
RESERVED = 3
# Who replies more often tells it: the most of so many looks, for so long.
NEED_OF = 3
NEED_FOR = timedelta(seconds=3)

Rows = Sequence[sa.Row[str, str, datetime]]


class Paced(Protocol):
    """What can be held to a part of its pace."""

    def part_of(self, place: int, processes: int) -> float:
        """The part of the ``place``-th of so many processes."""
        ...

    def share(self, part: float) -> None:
        """Keep to this part, 0 to 1, from now on; 0 holds all that is paced."""
        ...


class SharedPace:
    """Holds what is paced to its part while other processes are there. ``of`` names what they share, for all of them alike.

    Each has a row in ``leases``, renewed every ten seconds, and counts the others every second: a reading question, no write.
    Who comes to others says nothing until all of them must have seen it or have fallen silent. A dead one's part is
    taken over at once where ``has_ended`` knows of it, and else when its lease has run out.
    """

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        paced: Paced,
        *,
        of: str,
        holder: str,
        has_ended: Callable[[str], bool] = nobody_has,
        only_replies: bool = False,
        join_after: float = JOIN_AFTER,
    ) -> None:
        """``join_after`` so many seconds; else than usual only in tests."""
        self._sessions = sessions
        self._clock = clock
        self._paced = paced
        self._prefix = f"pace of {of}: "
        self._only_replies = only_replies
        self._join_after = join_after
        self._name = f"{self._prefix}{_REPLIES if only_replies else ''}{holder}"
        self._holder = holder
        self._has_ended = has_ended
        self._joined_at = float("inf")
        self._seen_at = float("-inf")
        self._renewed_at = float("-inf")
        self._ended: set[str] = set()

    async def run(self) -> None:
        """Keep the share right until cancelled; while the database is away nothing that is paced is sent."""
        self._paced.share(0)
        try:
            while True:
                try:
                    async with asyncio.timeout(BLIND_AFTER):
                        await self.look()
                except (sa.exc.SQLAlchemyError, OSError) as error:
                    log.warning("outbox.pace_unknown", error=type(error).__name__)
                if time.monotonic() - self._seen_at > BLIND_AFTER:
                    self._paced.share(0)
                await asyncio.sleep(LOOK_EVERY)
        finally:
            self._paced.share(0)
            await self._leave()

    async def look(self) -> Rows:
        """Renew our row when it is time, count who is there, and take our part; the rows that were seen."""
        began = time.monotonic()
        if began - self._renewed_at > LEASE.total_seconds():
            self._joined_at = float("inf")  # our row may have run out: we come as a new one
        if began - self._renewed_at > RENEW_EVERY:
            await self._write(self._name, self._holder, self._clock.now() + LEASE)
            self._renewed_at = began
        rows = await self._read()
        told = (f"{self._prefix}{_STOP}", f"{self._prefix}{_NEEDS}")
        alive = self._alive([row for row in rows if not row.name.startswith(told) and row.name != self._name])
        others = [row for row in alive if not row.name.startswith(f"{self._prefix}{_REPLIES}")]
        # Alone, there is nobody to wait for; two that join at once each see at least the one that came first.
        if self._joined_at == float("inf"):
            self._joined_at = began + (self._join_after if others else 0.0)
        self._seen_at = began
        part = self._part([row.name for row in alive], rows)
        self._paced.share(part if began >= self._joined_at and not self._only_replies else 0)
        return rows

    def _part(self, others: Sequence[str], _rows: Rows) -> float:
        """Our part beside these others."""
        return self._paced.part_of(sum(name < self._name for name in others), len(others) + 1)

    def _alive(self, others: Rows) -> Rows:
        """Those who have not ended. What one said in its last second counts still, but not for who only comes now."""
        ended = {row.holder for row in others if self._has_ended(row.holder)}
        silent = ended if self._joined_at == float("inf") else ended & self._ended
        self._ended = ended
        return [row for row in others if row.holder not in silent]

    async def _write(self, name: str, holder: str, until: datetime) -> None:
        async with self._sessions.write() as session:
            new = insert(session, Lease).values(name=name, holder=holder, until=until)
            await session.execute(new.on_conflict_do_update(index_elements=["name"], set_={"until": until, "holder": holder}))
            await self._tidy(session)

    async def _tidy(self, session: AsyncSession) -> None:
        """Remove what has run out, and shorten what was there before the clock was set back: the living renew theirs."""
        ours, now = Lease.name.startswith(self._prefix, autoescape=True), self._clock.now()
        parts = sa.and_(ours, sa.not_(Lease.name.startswith(f"{self._prefix}{_STOP}", autoescape=True)))
        too_long = sa.update(Lease).where(parts, Lease.until > now + LEASE + LONGEST_SKEW).values(until=now + LEASE)
        for statement in (sa.delete(Lease).where(ours, Lease.until <= now), too_long):
            await session.execute(statement, execution_options={"synchronize_session": False})

    async def _read(self) -> Rows:
        ours = Lease.name.startswith(self._prefix, autoescape=True)
        rows = sa.select(Lease.name, Lease.holder, Lease.until).where(ours, Lease.until > self._clock.now())
        async with self._sessions.read() as session:
            return (await session.execute(rows)).all()

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(2), self._sessions.write() as session:
                await session.execute(sa.delete(Lease).where(Lease.name == self._name))
        except (sa.exc.SQLAlchemyError, OSError):
            pass  # it runs out by itself


class SharedBotPace(SharedPace):
    """The pace of one bot's token; it also passes on when the Bot API says to stop, and how many replies there are to make room for."""

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        pacer: Pacer,
        *,
        token_id: str,
        holder: str,
        has_ended: Callable[[str], bool] = nobody_has,
        only_replies: bool = False,
        join_after: float = JOIN_AFTER,
    ) -> None:
        name = f"bot {token_id}"
        super().__init__(
            sessions, clock, pacer, of=name, holder=holder, has_ended=has_ended, only_replies=only_replies, join_after=join_after
        )
        self._pacer = pacer
        self._stops: dict[int, datetime] = {}
        self._replies: deque[int] = deque([pacer.replies], maxlen=NEED_OF + 1)  # as counted at each of the last looks
        self._need = 0
        self._is_short = False
        self._telling: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        self._pacer.on_stop = self._tell
        try:
            await super().run()
        finally:
            self._pacer.on_stop = None

    async def look(self) -> Rows:
        self._replies.append(self._pacer.replies)
        self._need = max(later - earlier for earlier, later in itertools.pairwise(self._replies))
        rows = await super().look()
        if self._is_short:
            await self._write(self._needs(self._name), str(self._need), self._clock.now() + NEED_FOR)
        for rank in (NOTICE, BULK):
            until = max((row.until for row in rows if row.name == self._stop_name(rank)), default=None)
            # Once: when the clock is set back meanwhile, the same moment is an hour away.
            if until is not None and until != self._stops.get(rank):
                self._stops[rank] = until
                self._pacer.hold(rank, (until - self._clock.now()).total_seconds())
        return rows

    def _part(self, others: Sequence[str], rows: Rows) -> float:
        """What every process has, or less: what is left where the replies of others need more than they have."""
        told = {row.name: row.holder for row in rows}
        needs = {name: int(told[need]) for name in others if (need := self._needs(name)) in told}
        replying = {name for name in others if name.startswith(f"{self._prefix}{_REPLIES}")}
        part = self._beside([name for name in others if name not in replying], reserved=RESERVED * len(replying))
        own = self._pacer.part_for(RESERVED) if self._only_replies else part
        self._is_short = bool(others) and self._pacer.part_for(self._need) > own
        if not needs:
            return part
        needed = sum(needs.values()) + RESERVED * len(replying - needs.keys())
        return min(part, self._beside([name for name in others if name not in replying and name not in needs], needed=needed))

    def _beside(self, senders: Sequence[str], **left: int) -> float:
        return self._pacer.part_of(sum(name < self._name for name in senders), len(senders) + 1, **left)

    def _needs(self, name: str) -> str:
        return f"{self._prefix}{_NEEDS}{name.removeprefix(self._prefix)}"

    def _stop_name(self, rank: int) -> str:
        return f"{self._prefix}{_STOP}{rank}"

    def _tell(self, rank: int, seconds: float) -> None:
        task = asyncio.create_task(self._tell_others(rank, self._clock.now() + timedelta(seconds=seconds)))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell_others(self, rank: int, until: datetime) -> None:
        try:
            await self._write(self._stop_name(rank), self._holder, until)
        except (sa.exc.SQLAlchemyError, OSError) as error:
            log.warning("outbox.stop_not_told", error=type(error).__name__)
