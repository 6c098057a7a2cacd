"""Smtp: how email leaves: a few connections that are kept and reused, each taking the next message when it is free."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from email.utils import parseaddr

from intouch import logs
from intouch.channels import mime, outcomes
from intouch.channels.outcomes import Envelope, Outcome
from intouch.channels.smtp_connection import CannotConnect, Connection, Patience, connect
from intouch.settings import SmtpAddress

log = logs.get("channels")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wear:
    """After how many messages and seconds a connection is closed, and how long it is kept without any message."""

    messages: int = 100
    age: float = 300.0
    idle: float = 10.0


@dataclass(order=True, slots=True)
class _Job:
    rank: int
    number: int
    envelope: Envelope = field(compare=False)
    results: asyncio.Queue[tuple[int, Outcome]] = field(compare=False)
    is_abandoned: bool = field(default=False, compare=False)
    is_second: bool = field(default=False, compare=False)

    def settle(self, outcome: Outcome) -> None:
        self.results.put_nowait((self.envelope.number, outcome))


@dataclass(slots=True)
class _Seat:
    """Room for one connection; whoever sits in it changes."""

    connection: Connection | None = None


class SmtpChannel:
    """Sends emails to one mail server. Replies and notices go before bulk whenever a connection becomes free."""

    def __init__(self, address: SmtpAddress, *, email_from: str, patience: Patience | None = None, wear: Wear | None = None) -> None:
        self._address = address
        self._sender = mime.address_on_the_wire(parseaddr(email_from)[1])
        self._patience = patience or Patience()
        self._wear = wear or Wear()
        self._jobs: asyncio.PriorityQueue[_Job] = asyncio.PriorityQueue()
        self._numbers = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving = 0
        self._busy = 0
        self._connected = 0
        self._no_more_until = 0.0
        self._next_at = 0.0
        self._is_halting = False

    async def send_batch(self, envelopes: Sequence[Envelope]) -> AsyncIterator[tuple[int, Outcome]]:
        """Each outcome as soon as it is known, in any order."""
        results: asyncio.Queue[tuple[int, Outcome]] = asyncio.Queue()
        jobs = [_Job(envelope.rank, next(self._numbers), envelope, results) for envelope in envelopes]
        for job in jobs:
            self._put(job)
        try:
            for _ in jobs:
                yield await results.get()
        finally:
            for job in jobs:
                job.is_abandoned = True

    def halt(self) -> None:
        self._is_halting = True
        self._empty(outcomes.not_tried("stopped before its turn"))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _put(self, job: _Job) -> None:
        if self._is_halting:
            job.settle(outcomes.not_tried("stopped before its turn"))
            return
        self._jobs.put_nowait(job)
        self._open_more()

    def _open_more(self) -> None:
        wanted = min(self._address.connections, self._jobs.qsize() + self._busy)
        may_open = self._serving == 0 or time.monotonic() >= self._no_more_until
        if self._serving < wanted and may_open:
            self._serving += 1
            task = asyncio.create_task(self._serve())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _empty(self, outcome: Outcome) -> None:
        while not self._jobs.empty():
            self._jobs.get_nowait().settle(outcome)

    async def _serve(self) -> None:
        """One connection's life: opened for its first message, renewed when worn, closed when nothing comes any more."""
        seat = _Seat()
        job: _Job | None = None
        try:
            while (job := await self._next_job()) is not None:
                self._busy += 1
                try:
                    await self._serve_one(job, seat)
                finally:
                    self._busy -= 1
        except CannotConnect as error:
            if job is not None:
                self._refused(job, error)
        finally:
            self._serving -= 1
            if not self._jobs.empty():
                self._open_more()
            await self._leave(seat)

    async def _leave(self, seat: _Seat) -> None:
        connection, seat.connection = seat.connection, None
        if connection is not None:
            self._connected -= 1
            await connection.quit()

    async def _next_job(self) -> _Job | None:
        if not self._jobs.empty():
            return self._jobs.get_nowait()
        try:
            return await asyncio.wait_for(self._jobs.get(), self._wear.idle)
        except TimeoutError:
            return None

    async def _serve_one(self, job: _Job, seat: _Seat) -> None:
        envelope = job.envelope
        if job.is_abandoned or not isinstance(envelope.content, bytes):
            job.settle(outcomes.failed("only the bytes of an email leave by SMTP"))
            return
        connection = await self._usable(seat)
        await self._rate()
        if self._is_halting or not envelope.is_ours():
            job.settle(outcomes.not_tried("stopped before its turn, or its lease has passed to somebody else"))
            return
        outcome = await self._attempt(job, connection, envelope.content)
        if outcome is not None:
            job.settle(outcome)

    async def _attempt(self, job: _Job, connection: Connection, message: bytes) -> Outcome | None:
        """None when the job went back into the queue: the server had hung up before it began."""
        envelope = job.envelope
        try:
            outcome = await connection.send(envelope.address, message, envelope.provider_id, envelope.sender)
        except Exception as error:
            # A fault of ours must not take the connection's other messages with it.
            connection.is_broken = True
            log.error("smtp.fault", delivery=envelope.number, error=type(error).__name__, exc_info=True)
            return outcomes.unknown(f"sending failed ({type(error).__name__})")
        if connection.was_stale and not job.is_second:
            job.is_second = True
            self._put(job)
            return None
        return outcome

    async def _usable(self, seat: _Seat) -> Connection:
        """The connection in this seat, or a new one when it is worn, broken or was closed by the server while it rested."""
        current = seat.connection
        if current is not None:
            worn = current.messages >= self._wear.messages or time.monotonic() - current.opened_at > self._wear.age
            if current.is_quiet and not worn:
                return current
            await self._leave(seat)
        seat.connection = await connect(self._address, self._sender, self._patience)
        self._connected += 1
        return seat.connection

    def _refused(self, job: _Job, error: CannotConnect) -> None:
        """While other connections stand, the server only wants no more of them; otherwise the road is closed."""
        if self._connected > 0:
            self._no_more_until = time.monotonic() + 10.0
            self._put(job)
            return
        outcome = outcomes.not_tried(str(error), after=1.0)
        job.settle(outcome)
        self._empty(outcome)

    async def _rate(self) -> None:
        """Wait for this message's place when the URL names a rate."""
        if self._address.per_second > 0:
            now = time.monotonic()
            self._next_at = max(self._next_at, now) + 1.0 / self._address.per_second
            await asyncio.sleep(self._next_at - 1.0 / self._address.per_second - now)
