"""Smtp jobs: envelopes that wait for a connection, and whoever waits to hear of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from intouch.channels.outcomes import Envelope, Heard, Outcome


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
    """One envelope and its place in the queue; ``is_second``: it is tried again because the first try said nothing about it."""

    number: int
    envelope: Envelope
    batch: Batch
    is_second: bool = False

    def settle(self, outcome: Outcome) -> None:
        self.batch.tell(self.envelope.number, outcome)
