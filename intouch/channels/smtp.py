"""Smtp: how email leaves: a few connections that are kept and reused, each taking the next message when it is free."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from typing import cast

from intouch import logs
from intouch.channels import mime, outcomes
from intouch.channels.doubt import Doubt
from intouch.channels.email_rate import EmailRate
from intouch.channels.outcomes import Envelope, Heard, Outcome, Verdict
from intouch.channels.smtp_connection import Connection, Letter, connect
from intouch.channels.smtp_jobs import Batch, Job, Jobs
from intouch.channels.smtp_opening import CannotConnect, Patience
from intouch.channels.tempo import Tempo
from intouch.smtp_address import SmtpAddress

log = logs.get("channels")

_A_HANGING_SERVER = 3  # time-outs in a row
_NOT_AHEAD = 3600.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Wear:
    """After how many messages, refusals in a row and seconds a connection is closed, and how long it is kept without any message."""

    messages: int = 500  # opening another costs as much as ten messages; Exim, for one, takes no more than 1,000
    # Each is two errors to Postfix, which waits a second with every answer from the tenth on, and hangs up at the twentieth.
    refusals: int = 4
    age: float = 300.0
    idle: float = 10.0


@dataclass(slots=True)
class _Seat:
    """Room for one connection; whoever sits in it changes. ``ahead``: whose opening went out with the letter before."""

    connection: Connection | None = None
    ahead: tuple[Job, Letter] | None = None


class SmtpChannel:
    """Sends emails to one mail server. Replies and notices go before bulk whenever a connection becomes free."""

    def __init__(
        self,
        address: SmtpAddress,
        *,
        email_from: str,
        patience: Patience | None = None,
        wear: Wear | None = None,
        rate: EmailRate | None = None,
    ) -> None:
        self._address = address
        self._rate = rate or EmailRate(address.per_second)
        self._sender = mime.address_on_the_wire(parseaddr(email_from)[1])
        self._patience = patience or Patience()
        self._wear = wear or Wear()
        self._tempo = Tempo(address.connections)
        self._doubt = Doubt()
        self._jobs = Jobs()
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving = 0
        self._busy = 0
        self._connected = 0
        self._silences = 0
        self._no_more_until = 0.0
        self._ahead_again_at = 0.0
        self._halted = asyncio.Event()

    async def send_batch(self, envelopes: Sequence[Envelope], heard: Heard) -> None:
        if not envelopes:
            return
        batch = Batch(len(envelopes), heard)
        try:
            for envelope in envelopes:
                self._put(Job(envelope, batch))
            await batch.done
        finally:
            batch.is_abandoned = True

    def halt(self) -> None:
        self._halted.set()
        self._rate.halt()
        self._empty(outcomes.not_tried("stopped before its turn"))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _put(self, job: Job) -> None:
        self._queue(job, self._jobs.put)

    def _put_back(self, job: Job) -> None:
        self._queue(job, self._jobs.put_back)

    def _queue(self, job: Job, put: Callable[[Job], None]) -> None:
        if self._halted.is_set():
            job.settle(outcomes.not_tried("stopped before its turn"))
            return
        put(job)
        self._open_more()

    def _open_more(self) -> None:
        wanted = min(self._tempo.allowed, len(self._jobs) + self._busy)
        may_open = self._serving == 0 or time.monotonic() >= self._no_more_until
        if self._serving < wanted and may_open:
            self._serving += 1
            task = asyncio.create_task(self._serve())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _empty(self, outcome: Outcome) -> None:
        while (job := self._jobs.take()) is not None:
            job.settle(outcome)

    async def _serve(self) -> None:
        """One connection's life: opened for its first message, renewed when worn, closed when nothing comes any more."""
        seat = _Seat()
        job: Job | None = None
        try:
            while (job := seat.ahead[0] if seat.ahead else await self._next_job()) is not None:
                self._busy += 1
                try:
                    await (self._serve_ahead(seat) if seat.ahead else self._serve_one(job, seat))
                finally:
                    self._busy -= 1
        except CannotConnect as error:
            if job is not None:
                self._refused(job, error)
        finally:
            self._serving -= 1
            if seat.ahead is not None:
                self._put_back(seat.ahead[0])
            if self._jobs:
                self._open_more()
            await self._leave(seat)

    async def _leave(self, seat: _Seat) -> None:
        connection, seat.connection = seat.connection, None
        if connection is not None:
            self._connected -= 1
            await connection.quit()

    async def _next_job(self) -> Job | None:
        if self._serving > self._tempo.allowed:
            return None
        return self._jobs.take() or await self._jobs.next(self._wear.idle)

    async def _serve_one(self, job: Job, seat: _Seat) -> None:
        if self._is_no_email(job) or self._is_not_ours(job):  # before its turn, which it would take from another
            return
        connection = await self._turn(seat)
        if not await job.envelope.begin():
            job.settle(outcomes.not_tried("what comes of it could not be written down"))
            return
        letter = self._letter(job, connection)
        if letter is not None:
            await self._attempt(job, letter, connection, seat)

    async def _serve_ahead(self, seat: _Seat) -> None:
        """The next letter, of which the server has heard the opening and not yet the message."""
        connection = seat.connection
        assert seat.ahead is not None and connection is not None
        (job, letter), seat.ahead = seat.ahead, None
        may_begin = await job.envelope.begin()
        if connection.is_broken:
            self._put_back(job)  # nothing that was said can have sent it
        elif job.batch.is_abandoned or not may_begin or not job.envelope.is_ours():
            connection.is_broken = True  # only hanging up takes an opening back
            job.settle(outcomes.not_tried("its lease has passed to somebody else, or its batch was stopped"))
        else:
            await self._attempt(job, letter, connection, seat)

    def _look_ahead(self, seat: _Seat, connection: Connection) -> Letter | None:
        """The letter after the one that is just going out, where waiting for its replies alone would only cost time."""
        is_deaf = not connection.pipelines or time.monotonic() < self._ahead_again_at
        is_in_no_hurry = self._address.per_second > 0 or not self._tempo.is_full or len(self._jobs) <= self._address.connections
        if is_in_no_hurry or is_deaf or self._halted.is_set() or self._is_worn(connection):
            return None
        job = self._jobs.take()
        letter = None if job is None or self._is_no_email(job) else self._letter(job, connection)
        if job is not None and letter is not None:
            seat.ahead = (job, letter)
        return letter

    def _is_no_email(self, job: Job) -> bool:
        if job.batch.is_abandoned or not isinstance(job.envelope.content, mime.Message):
            job.settle(outcomes.failed("only the bytes of an email leave by SMTP"))
            return True
        return False

    def _is_not_ours(self, job: Job) -> bool:
        if self._halted.is_set() or not job.envelope.is_ours():
            job.settle(outcomes.not_tried("stopped before its turn, or its lease has passed to somebody else"))
            return True
        return False

    def _letter(self, job: Job, connection: Connection) -> Letter | None:
        """The letter of a job that may be begun now; otherwise the job is settled."""
        if self._is_not_ours(job):
            return None
        envelope = job.envelope
        letter = connection.prepare(envelope.address, cast("mime.Message", envelope.content), envelope.sender)
        if isinstance(letter, Outcome):
            job.settle(letter)
            return None
        return letter

    async def _attempt(self, job: Job, letter: Letter, connection: Connection, seat: _Seat) -> None:
        try:
            outcome = await connection.send(letter, lambda: self._look_ahead(seat, connection))
        except Exception as error:
            # A fault of ours must not take the connection's other messages with it.
            connection.is_broken = True
            log.error("smtp.fault", delivery=job.envelope.number, error=type(error).__name__, exc_info=True)
            outcome = outcomes.unknown(f"sending failed ({type(error).__name__})")
        self._adapt(connection, outcome)
        if connection.was_stale and not job.is_second:
            job.is_second = True  # the server had hung up before it began
            self._put_back(job)
        else:
            job.settle(self._doubt.weigh(outcome))

    def _adapt(self, connection: Connection, outcome: Outcome) -> None:
        """Fewer connections for a server that complains, more again for one that takes what it is given."""
        if connection.was_slowed:
            connection.was_slowed = False
            if self._tempo.complain(time.monotonic()):
                log.warning("smtp.slower", connections=self._tempo.allowed, rest=self._tempo.rest)
        elif outcome.verdict is Verdict.SENT and not self._tempo.is_full:
            self._tempo.praise()
            self._open_more()
        if connection.was_deaf:
            log.warning("smtp.deaf_behind_the_dot", seconds=_NOT_AHEAD)
            self._ahead_again_at = time.monotonic() + _NOT_AHEAD
        if connection.was_silent and not connection.was_stale:
            self._note_silence()
        elif self._silences and outcome.verdict is Verdict.SENT:
            self._silences = 0

    def _note_silence(self) -> None:
        """After time-outs on all connections, and at least three, the server hangs: what waits behind them would wait for hours."""
        self._silences += 1
        if self._silences >= max(_A_HANGING_SERVER, self._serving):
            self._silences = 0
            self._empty(outcomes.not_tried("the mail server does not answer", after=1.0))

    async def _usable(self, seat: _Seat) -> Connection:
        """The connection in this seat, or a new one when it is worn, broken or was closed by the server while it rested."""
        current = seat.connection
        if current is not None:
            if current.is_quiet and not self._is_worn(current):
                return current
            await self._leave(seat)
        seat.connection = await connect(self._address, self._sender, self._patience)
        self._connected += 1
        return seat.connection

    def _is_worn(self, connection: Connection) -> bool:
        is_used = connection.messages >= self._wear.messages or connection.refusals >= self._wear.refusals
        return is_used or time.monotonic() - connection.opened_at > self._wear.age

    def _refused(self, job: Job, error: CannotConnect) -> None:
        """While other connections stand or may yet, the server only wants no more of them; otherwise the road is closed."""
        if self._connected > 0 or self._serving > 1:
            self._no_more_until = time.monotonic() + 10.0
            self._put_back(job)
            return
        self._no_more_until = 0.0
        outcome = outcomes.not_tried(str(error), after=1.0)
        job.settle(outcome)
        self._empty(outcome)

    async def _turn(self, seat: _Seat) -> Connection:
        """A connection, when this message's place has come: the URL may name a rate, and the server may have asked for peace."""
        await self._usable(seat)
        wait = self._tempo.wait(time.monotonic())
        if wait > 0:
            await self._rest(wait)
        await self._rate.place()
        return await self._usable(seat)  # another, where the server waited less long than we had to

    async def _rest(self, seconds: float) -> None:
        """So many seconds, or less when we are stopping."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._halted.wait()
