"""Sharing: the processes that speak for one bot token divide its pace, so that together they never exceed it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

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

_REPLIES = "replies "

LOOK_EVERY = 1.0
LEASE = timedelta(seconds=30)
RENEW_EVERY = 10.0
# Whoever has not seen the others for this long says nothing more: one that joined meanwhile counts on it.
BLIND_AFTER = 4.0
JOIN_AFTER = 5.0
# Calls a second that are left to each process that only replies: nobody sees its replies but Telegram, which counts them.
RESERVED = 3


class SharedPace:
    """Holds a pacer to its part of the pace while other processes are there, and passes on when the Bot API says to stop.

    Each has a row in ``leases``, renewed every ten seconds, and counts the others every second: a reading question, no write.
    Who comes to others says nothing until all of them must have seen it or have fallen silent. A dead one's part is
    taken over at once where ``has_ended`` knows of it, and else when its lease has run out.
    """

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
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._pacer = pacer
        self._prefix = f"pace of bot {token_id}: "
        self._only_replies = only_replies
        self._name = f"{self._prefix}{_REPLIES if only_replies else ''}{holder}"
        self._holder = holder
        self._has_ended = has_ended
        self._joined_at = float("inf")
        self._seen_at = float("-inf")
        self._renewed_at = float("-inf")
        self._ended: set[str] = set()
        self._stops: dict[int, datetime] = {}
        self._telling: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Keep the share right until cancelled; while the database is away nothing but replies is sent."""
        self._pacer.share(0)
        self._pacer.on_stop = self._tell
        try:
            while True:
                try:
                    async with asyncio.timeout(BLIND_AFTER):
                        await self.look()
                except (sa.exc.SQLAlchemyError, OSError) as error:
                    log.warning("outbox.pace_unknown", error=type(error).__name__)
                if time.monotonic() - self._seen_at > BLIND_AFTER:
                    self._pacer.share(0)
                await asyncio.sleep(LOOK_EVERY)
        finally:
            self._pacer.on_stop = None
            self._pacer.share(0)
            await self._leave()

    async def look(self) -> None:
        """Renew our row when it is time, count who is there, and take our part."""
        began = time.monotonic()
        if began - self._renewed_at > LEASE.total_seconds():
            self._joined_at = float("inf")  # our row may have run out: we come as a new one
        if began - self._renewed_at > RENEW_EVERY:
            await self._write(self._name, self._clock.now() + LEASE)
            self._renewed_at = began
        rows = await self._read()
        alive = self._alive([row for row in rows if not row.name.startswith(f"{self._prefix}stop ") and row.name != self._name])
        others = [row for row in alive if not row.name.startswith(f"{self._prefix}{_REPLIES}")]
        # Alone, there is nobody to wait for; two that join at once each see at least the one that came first.
        if self._joined_at == float("inf"):
            self._joined_at = began + (JOIN_AFTER if others else 0.0)
        self._seen_at = began
        before, reserved = sum(row.name < self._name for row in others), RESERVED * (len(alive) - len(others))
        part = self._pacer.part_of(before, len(others) + 1, reserved=reserved)
        self._pacer.share(part if began >= self._joined_at and not self._only_replies else 0)
        for rank in (NOTICE, BULK):
            until = max((row.until for row in rows if row.name == self._stop_name(rank)), default=None)
            # Once: when the clock is set back meanwhile, the same moment is an hour away.
            if until is not None and until != self._stops.get(rank):
                self._stops[rank] = until
                self._pacer.hold(rank, (until - self._clock.now()).total_seconds())

    def _alive(self, others: list[sa.Row[str, str, datetime]]) -> list[sa.Row[str, str, datetime]]:
        """Those who have not ended. What one said in its last second counts still, but not for who only comes now."""
        ended = {row.holder for row in others if self._has_ended(row.holder)}
        silent = ended if self._joined_at == float("inf") else ended & self._ended
        self._ended = ended
        return [row for row in others if row.holder not in silent]

    def _stop_name(self, rank: int) -> str:
        return f"{self._prefix}stop {rank}"

    def _tell(self, rank: int, seconds: float) -> None:
        task = asyncio.create_task(self._tell_others(rank, self._clock.now() + timedelta(seconds=seconds)))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell_others(self, rank: int, until: datetime) -> None:
        try:
            await self._write(self._stop_name(rank), until)
        except (sa.exc.SQLAlchemyError, OSError) as error:
            log.warning("outbox.stop_not_told", error=type(error).__name__)

    async def _write(self, name: str, until: datetime) -> None:
        async with self._sessions.write() as session:
            new = insert(session, Lease).values(name=name, holder=self._holder, until=until)
            await session.execute(new.on_conflict_do_update(index_elements=["name"], set_={"until": until, "holder": self._holder}))
            await self._tidy(session)

    async def _tidy(self, session: AsyncSession) -> None:
        """Remove what has run out, and shorten what was there before the clock was set back: the living renew theirs."""
        ours, now = Lease.name.startswith(self._prefix, autoescape=True), self._clock.now()
        parts = sa.and_(ours, sa.not_(Lease.name.startswith(f"{self._prefix}stop ", autoescape=True)))
        too_long = sa.update(Lease).where(parts, Lease.until > now + LEASE + LONGEST_SKEW).values(until=now + LEASE)
        for statement in (sa.delete(Lease).where(ours, Lease.until <= now), too_long):
            await session.execute(statement, execution_options={"synchronize_session": False})

    async def _read(self) -> Sequence[sa.Row[str, str, datetime]]:
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
