"""Flights: the deliveries one worker has claimed and not yet settled, and how many more it may take."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from intouch.channels.outcomes import Outcome, Verdict
from intouch.clock import elapsed
from intouch.outbox.models import Lane, Road
from intouch.outbox.parcel import Parcel

# Between asking "is it still ours?" and the call some time passes; it must not reach over the lease's end.
_MARGIN = 0.8
_LONGEST_HOLD = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How many deliveries a line claims at once, and how many it may have under way."""

    size: int
    most: int


# Telegram takes 30 a second and no more, so few are taken in advance: what another process could send must not wait here.
PACES: Mapping[Road, Pace] = {Road.TELEGRAM: Pace(10, 40), Road.EMAIL: Pace(250, 750)}


def paces(emails_per_second: float) -> Mapping[Road, Pace]:
    """Where all senders together may send so many emails a second (0: any number), each takes no more in advance than those of five
    seconds: what waits in one that has a third of the rate could go out by the others."""
    usual, size = PACES[Road.EMAIL], math.ceil(emails_per_second)
    return {**PACES, Road.EMAIL: Pace(min(usual.size, size), min(usual.most, 5 * size))} if size else PACES


@dataclass(slots=True)
class Hold:
    """A closed road: after each time that nobody could even be asked, it stays closed twice as long, up to a minute."""

    until: float = 0.0
    length: float = 0.0

    def note(self, outcome: Outcome) -> bool:
        """Learn from an outcome; True when it has closed the road."""
        if outcome.verdict is not Verdict.NOT_TRIED:
            self.length = 0.0
            return False
        if not outcome.after or time.monotonic() < self.until:
            return False
        self.length = min(_LONGEST_HOLD, max(outcome.after, self.length * 2))
        self.until = time.monotonic() + self.length
        return True

    def left(self) -> float:
        """Seconds until the road is tried again."""
        return max(0.0, self.until - time.monotonic())


@dataclass(slots=True, eq=False)
class Line:
    """One loop of a worker: the lanes of a road that it serves, how much it claims at once and may have under way.

    ``is_flowing``: the last claim was a full one, so there is more for certain, or nearly.
    """

    road: Road
    lanes: tuple[Lane, ...]
    size: int
    most: int
    hold: Hold
    under_way: int = 0
    is_flowing: bool = False
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    def has_room(self) -> bool:
        return self.under_way + self.size <= self.most

    async def wait(self, seconds: float | None) -> None:
        """Until the bell rings, or ``seconds`` have passed."""
        try:
            async with asyncio.timeout(seconds):
                await self.bell.wait()
        except TimeoutError:
            pass
        self.bell.clear()


class Flights:
    """Who is under way, in which line, and until when the lease is ours by this process's own clock."""

    def __init__(self, lease: float, *, elapsed: Callable[[], float] = elapsed) -> None:
        """``lease``: in seconds of ``elapsed``, a clock that nobody sets."""
        self._lease = lease * _MARGIN
        self._elapsed = elapsed
        self._lines: dict[int, Line] = {}
        self._until: dict[int, float] = {}
        self._batches: dict[int, str] = {}
        self._held: frozenset[str] = frozenset()
        self._recalled: set[int] = set()

    def __len__(self) -> int:
        return len(self._lines)

    def begin(self, line: Line, deliveries: Collection[Parcel], *, claimed_at: float) -> None:
        ids = [delivery.id for delivery in deliveries]
        line.under_way += len(ids)
        self._lines.update(dict.fromkeys(ids, line))
        self._until.update(dict.fromkeys(ids, claimed_at + self._lease))
        self._batches.update((delivery.id, delivery.batch) for delivery in deliveries if delivery.batch)
        # The claim has just read the orders itself: a batch that it gave us is not held any more.
        self._held -= {delivery.batch for delivery in deliveries if delivery.batch}

    def end(self, identities: Iterable[int]) -> None:
        """These are settled; whoever feeds their lines is told when there is room again."""
        lines = set()
        for identity in identities:
            self._until.pop(identity, None)
            self._batches.pop(identity, None)
            self._recalled.discard(identity)
            line = self._lines.pop(identity, None)
            if line is not None:
                line.under_way -= 1
                lines.add(line)
        for line in lines:
            if line.has_room():
                line.bell.set()

    def ids(self) -> list[int]:
        return list(self._lines)

    def renewed(self, asked: Collection[int], kept: Collection[int], *, renewed_at: float) -> None:
        """Of those ``asked`` about, ``kept`` are ours for another lease and the rest are somebody else's now."""
        for identity in asked:
            if identity in self._lines:
                self._until[identity] = renewed_at + self._lease if identity in kept else 0.0

    def hold(self, batches: frozenset[str]) -> None:
        """From now on nothing of these batches is begun: what is claimed already comes back as not tried."""
        self._held = batches

    def recall(self, identities: Collection[int]) -> None:
        """From now on these are not begun: they come back as not tried, and are looked at anew."""
        self._recalled.update(identity for identity in identities if identity in self._lines)

    def is_ours(self, identity: int) -> bool:
        """Asked right before the call: whether the lease is still ours, and nobody has paused or cancelled the batch, or left."""
        if self._recalled and identity in self._recalled:
            return False
        if self._held and self._batches.get(identity) in self._held:
            return False
        return self._elapsed() < self._until.get(identity, 0.0)
