"""Rounds: what a worker does now and then beside sending: beats, sweeps, renewing its leases, and looking for orders."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from intouch import logs
from intouch.clock import Clock, elapsed
from intouch.outbox import claiming, epoch, holds, sweeping
from intouch.outbox.flights import Flights
from intouch.outbox.habits import Habits
from intouch.outbox.presence import Presence
from intouch.outbox.recalling import Recalls
from intouch.storage.sessions import Sessions

log = logs.get("outbox")

# An edition that is paused stops within two seconds, on all processes.
HOLDS_EVERY = 0.5


class Rounds:
    """No fault of the database ends them. ``nudge`` has the worker look for work at once."""

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        presence: Presence,
        habits: Habits,
        flights: Flights,
        *,
        recalls: Recalls,
        nudge: Callable[[], object],
        beat: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._presence = presence
        self._habits = habits
        self._flights = flights
        self._recalls = recalls
        self._nudge = nudge
        self._beat = beat

    def begin(self, stopped: asyncio.Event) -> list[asyncio.Task[None]]:
        """Each round in a task of its own, until ``stopped`` is set."""
        rounds: list[tuple[float, Callable[[], Awaitable[object]]]] = [
            (self._habits.sweep_every, self._sweep),
            (self._habits.lease.total_seconds() / 4, self._renew),
            (HOLDS_EVERY, self._look_for_holds),
        ]
        if self._beat is not None:
            rounds.append((epoch.EVERY, self._beat))
        return [asyncio.create_task(_every(seconds, work, stopped)) for seconds, work in rounds]

    async def first_beat(self, is_stopping: Callable[[], bool]) -> None:
        """Nothing is claimed before it is known whether this database was restored from a backup."""
        while self._beat is not None and not is_stopping():
            if await self._has_beaten():
                return
            await asyncio.sleep(1.0)

    async def last_beat(self) -> None:
        """From here on any backup shows that it is older than what was, be it a second."""
        await self._has_beaten()

    async def _has_beaten(self) -> bool:
        try:
            if self._beat is not None:
                await self._beat()
            return True
        except Exception as error:
            log.warning("outbox.no_beat", error=type(error).__name__)
            return False

    async def _sweep(self) -> None:
        async with self._sessions.in_time(), self._sessions.read() as session:
            ended = set(filter(self._presence.has_ended, await sweeping.holders(session)))
            if not ended and not await sweeping.is_anything_lost(session, now=self._clock.now()):
                return
        async with self._sessions.in_time(), self._sessions.write() as session:
            swept = await sweeping.sweep(session, now=self._clock.now(), harmless=self._habits.harmless, ended=ended)
        log.warning("outbox.swept", queued=swept.queued, unknown=swept.unknown)
        self._nudge()

    async def _look_for_holds(self) -> None:
        """What an officer pauses or cancels, and who has left, is given back before it is begun, although we have claimed it."""
        if not self._flights:
            return
        async with self._sessions.in_time(), self._sessions.glance() as session:
            self._flights.hold(await holds.stopped(session))
            self._flights.recall(await self._recalls.look(session))

    async def _renew(self) -> None:
        asked = self._flights.ids()
        if not asked:
            return
        renewed_at = elapsed()
        async with self._sessions.in_time(), self._sessions.write() as session:
            kept = await claiming.renew(session, self._presence.name, asked, until=self._clock.now() + self._habits.lease)
        self._flights.renewed(asked, kept, renewed_at=renewed_at)


async def _every(seconds: float, work: Callable[[], Awaitable[object]], stopped: asyncio.Event) -> None:
    while not stopped.is_set():
        try:
            await work()
        except Exception as error:
            log.warning("outbox.round_failed", error=type(error).__name__)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), seconds)
