"""Synchronising: processes on several machines go by the database's clock, so that a lease ends at one moment for all of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from intouch import logs
from intouch.clock import Clock, SystemClock, elapsed
from intouch.storage.sessions import Sessions

log = logs.get("outbox")

LOOK_EVERY = 10.0
QUICK = 1.0  # seconds: an answer that took longer does not say well enough what time it is
TRUE_ENOUGH = timedelta(seconds=1)


class Synchronising:
    """Compares the machine's clock with PostgreSQL's and puts ours right. SQLite's processes share a machine, and its clock.

    A clock that somebody set for a demo or a test is let be.
    """

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock if isinstance(clock, SystemClock) and not sessions.is_sqlite else None

    async def run(self) -> None:
        """Look now and then until cancelled; while the database is away the clock stays as it was last found."""
        while self._clock is not None:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.look()
            except (sa.exc.SQLAlchemyError, OSError) as error:
                log.warning("clock.unknown", error=type(error).__name__)

    async def look(self) -> None:
        """Ask the database what time it is, and put our clock right if it is wrong by more than a second."""
        if self._clock is None:
            return
        async with self._sessions.in_time(), self._sessions.read() as session:
            await session.connection()  # a new one takes its time, which is none of the answer's
            asked = elapsed()
            theirs: datetime = (await session.scalars(sa.select(sa.func.clock_timestamp()))).one()
            took = elapsed() - asked
        wrong = theirs.astimezone(UTC) + timedelta(seconds=took / 2) - self._clock.now()
        if took > QUICK or abs(wrong) < TRUE_ENOUGH:
            return
        self._clock.put_right(wrong)
        log.warning("clock.put_right", seconds=round(wrong.total_seconds()), advice="set this machine's clock, or the database's")
