"""Epoch: a number that grows in the database and in a file outside it, so that a database restored from a backup is noticed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import logs
from intouch.clock import Clock
from intouch.outbox import holds
from intouch.outbox.models import Delivery, Epoch, State
from intouch.storage.sessions import Sessions

log = logs.get("outbox")

EVERY = 5.0  # seconds between two beats
MOST_DATABASES = 20  # that the file remembers
NOTICED = "In Touch, which noticed a restore"
_FIRST = sa.select(Epoch).order_by(Epoch.database).limit(1)
_LOCKED = _FIRST.with_for_update()

Look = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class EpochFile:
    """How far each database has come that senders of this machine worked on, by the database's own random name."""

    path: Path

    def read(self) -> dict[str, dict[str, Any]]:
        """Empty when there is no such file, or one that nobody can read: then every database is taken as it is."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return {str(name): {"beat": int(one["beat"]), "at": str(one["at"])} for name, one in found.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("epoch.unreadable", error=type(error).__name__)
            return {}

    def beat_of(self, database: str) -> int:
        return int(self.read().get(database, {"beat": 0})["beat"])

    def write(self, database: str, beat: int, at: datetime) -> None:
        """Replace the file in one step, so that a power cut leaves the old one or the new one."""
        known = self.read()
        known[database] = {"beat": max(beat, int(known.get(database, {"beat": 0})["beat"])), "at": at.isoformat()}
        newest = sorted(known.items(), key=lambda one: one[1]["at"])[-MOST_DATABASES:]
        LastSent(self.path).forget(known.keys() - dict(newest).keys())
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}.{secrets.token_hex(3)}")
        try:
            with fresh.open("w", encoding="utf-8") as file:
                json.dump(dict(newest), file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
        finally:
            fresh.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class LastSent:
    """Beside the file, for each database the number of a delivery that it says is sent; one from before that says something else.

    Written after each group of outcomes without waiting for the disk: a process may die at any moment, and the file is there.
    """

    path: Path

    def note(self, database: str, delivery: int) -> None:
        with contextlib.suppress(OSError):
            file = os.open(self._of(database), os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.pwrite(file, b"%020d" % delivery, 0)
            finally:
                os.close(file)

    def read(self, database: str) -> int | None:
        try:
            return int(self._of(database).read_bytes())
        except (OSError, ValueError):
            return None

    def forget(self, databases: Collection[str]) -> None:
        """These are remembered no longer."""
        for database in databases:
            self._of(database).unlink(missing_ok=True)

    def _of(self, database: str) -> Path:
        return self.path.with_name(f"{self.path.stem}-{database}.sent")


class Keeper:
    """Beats: compares the database with the files, holds everything back when it is behind, and takes both one further."""

    def __init__(self, sessions: Sessions, clock: Clock, path: Path) -> None:
        self._sessions = sessions
        self._clock = clock
        self._file = EpochFile(path)
        self._last_sent = LastSent(path)
        self._database = ""
        self._can_write = True
        self._lines = -1  # as many connections had been opened when the database was last compared
        self._unnoted: tuple[int, int] | None = None  # the last delivery that waits to be noted, and as many connections by then

    def note_sent(self, delivery: int) -> None:
        """It is committed that this delivery is sent: what the beats do not show, a restore to a moment since the last one, shows here.

        What was written on a connection behind which may be an older copy waits until that was looked at: it would cover up what the
        copy lacks.
        """
        if self._database and self._lines == self._sessions.lines:
            self._last_sent.note(self._database, delivery)
        else:
            self._unnoted = delivery, self._sessions.lines

    def before_claim(self) -> Look:
        """To be called before a claim; what it gives is asked after it, before anything of it is sent: see ``look``."""
        return partial(self.look, self._database)

    async def look(self, known: str | None = None) -> bool:
        """True when what was just claimed must not be sent, for behind a new connection was an older copy.

        ``known``: the database's name from before the claim. Whoever notices a restore gives it another, and may have done so since:
        what was claimed by then is not among what was held. It costs nothing while the connections are those of the last comparison.
        Raises what the database raises.
        """
        known = self._database if known is None else known
        lines, is_noticed = self._sessions.lines, False
        if lines != self._lines:
            async with self._sessions.read() as session:
                row = await session.scalar(_FIRST)
                is_as_it_was = row is not None and row.database == self._database and not await self._is_older(session, row)
            if is_as_it_was:
                self._was_compared(lines)
            else:
                is_noticed = await self.beat()
        return is_noticed or known not in ("", self._database)

    async def beat(self) -> bool:
        """One beat, before the first claim and every few seconds from then on; True when it noticed a restore."""
        now, lines = self._clock.now(), self._sessions.lines
        self._lines = -1  # until this has compared, each claim does: it may fail, as where somebody is restoring just now
        async with self._sessions.write() as session:
            # Whoever renames it has it locked meanwhile; then PostgreSQL finds none, and another question finds the new one.
            row = await session.scalar(_LOCKED) or await session.scalar(_LOCKED)
            # A database has a name from its first migration on: one that lost it under us is being filled anew.
            is_restored = self._database != "" if row is None else await self._is_older(session, row)
            if is_restored:
                held = await holds.hold_all(session, by=NOTICED, now=now)
                log.error("epoch.restored", held=held, advice="see `intouch delivery list --state held`, then `intouch delivery approve`")
            if row is None or is_restored:
                row = await _renamed(session, row, now)
            else:
                row.beat, row.at = row.beat + 1, now
            database, beat = row.database, row.beat
        self._database = database
        if is_restored:
            self._unnoted = None
        self._was_compared(lines)
        await self._write(database, beat, now)
        return is_restored

    def _was_compared(self, lines: int) -> None:
        """The database was found as it was, when so many connections had been opened; what was written on these is noted now."""
        self._lines = lines
        if self._unnoted is not None and self._unnoted[1] <= lines:
            self._last_sent.note(self._database, self._unnoted[0])
            self._unnoted = None

    async def _is_older(self, session: AsyncSession, row: Epoch) -> bool:
        kept = await asyncio.to_thread(self._file.beat_of, row.database)
        return row.beat < kept or await self._knows_less(session, row.database)

    async def _knows_less(self, session: AsyncSession, database: str) -> bool:
        """Whether a delivery that this database had sent is not sent in it. What is sent stays so, and no row is ever deleted."""
        delivery = await asyncio.to_thread(self._last_sent.read, database)
        if delivery is None:
            return False
        return await session.scalar(sa.select(Delivery.state).where(Delivery.id == delivery)) != State.SENT

    async def _write(self, database: str, beat: int, now: datetime) -> None:
        try:
            await asyncio.to_thread(self._file.write, database, beat, now)
        except OSError as error:
            if self._can_write:
                log.warning("epoch.not_written", error=type(error).__name__, advice="set INTOUCH_EPOCH_FILE to a file outside DATA_DIR")
            self._can_write = False
        else:
            self._can_write = True


async def _renamed(session: AsyncSession, row: Epoch | None, now: datetime) -> Epoch:
    """A new name: whoever works on the database that this is a copy of goes on under the old one."""
    # Two processes that begin at once make two rows; the first by name counts from then on.
    if row is not None:
        await session.delete(row)
    new = Epoch(database=secrets.token_hex(8), beat=1, at=now)
    session.add(new)
    await session.flush()
    log.info("epoch.begun")
    return new


def sentence(held_at: str) -> str:
    """What commands say while everything waits; ``held_at`` in words."""
    return (
        f"This database was restored from a backup (noticed {held_at}). What waited then, and all bulk made since, does not go out. "
        "Look at it with `intouch delivery list --state held`, take out what has gone out before with `intouch delivery drop --state held "
        "--edition …`, and let the rest go with `intouch delivery approve`."
    )
