"""Smtp jobs: envelopes that wait for a connection, and whoever waits to hear of them."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from intouch.channels.outcomes import Envelope, Heard, Outcome

_RANKS = 3


class Batch:
    """Envelopes that came together, and whoever waits to hear of each."""

    def __init__(self, size: int, heard: Heard) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_abandoned = False
        self._left = size
        self._heard = heard

    def tell(self, number: int, outcome: Outcome) -> None:
        if self.is_abandoned:
            return
        self._heard(number, outcome)
        self._left -= 1
        if not self._left and not self.done.done():
            self.done.set_result(None)


@dataclass(slots=True, eq=False)
class Job:
    """One envelope in the queue; ``is_second``: it is tried again because the first try said nothing about it."""

    envelope: Envelope
    batch: Batch
    is_second: bool = False

    def settle(self, outcome: Outcome) -> None:
        self.batch.tell(self.envelope.number, outcome)


class Jobs:
    """The jobs that wait: replies before what one person waits for, that before bulk, and each of these in the order it came."""

    def __init__(self) -> None:
        self._lines = [deque[Job]() for _ in range(_RANKS)]
        self._idle: deque[asyncio.Future[None]] = deque()
        self._number = 0

    def __len__(self) -> int:
        return self._number

    def put(self, job: Job) -> None:
        self._lines[job.envelope.rank].append(job)
        self._note_another()

    def put_back(self, job: Job) -> None:
        """A job that had been taken: it came before all that wait."""
        self._lines[job.envelope.rank].appendleft(job)
        self._note_another()

    def take(self) -> Job | None:
        """The next one, if there is one."""
        for line in self._lines:
            if line:
                self._number -= 1
                return line.popleft()
        return None

    async def next(self, seconds: float) -> Job | None:
        """The next one, for which nobody waits longer than ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                while (job := self.take()) is None:
                    self._idle.append(asyncio.get_running_loop().create_future())
                    await self._idle[-1]
                return job
        except TimeoutError:
            return None

    def _note_another(self) -> None:
        self._number += 1
        while self._idle:
            idle = self._idle.popleft()
            if not idle.done():
                idle.set_result(None)
                break
