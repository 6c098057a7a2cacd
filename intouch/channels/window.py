"""Window: never more than so many calls in any second, by when they were really made and not by when they were planned."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

GUARD = 0.01  # seconds: two clocks do not tick together
LONGEST_GIVE = 0.1  # seconds that a reply may have to wait for its place


@dataclass(slots=True, eq=False)
class Call:
    """The place of one call. It may be made ``at`` a moment that moves on while the call whose place it takes is not answered."""

    at_first: float
    seconds: float
    is_reply: bool
    after: Call | None
    late: float = 0.0

    @property
    def at(self) -> float:
        """When it may be made, as far as is known by now; or when it was made."""
        if self.after is None:
            return self.at_first
        at = max(self.at_first, self.after.free)
        return min(at, self.at_first + LONGEST_GIVE) if self.is_reply else at

    @property
    def free(self) -> float:
        """When its place is free for another."""
        return self.at + self.seconds + self.late


class Window:
    """The places of the last calls of one token.

    A limit of n a second is kept if each call begins a second after the n-th before it has reached the other side. Even spacing alone
    does not see to that: what is late by more than the slack between two limits meets those behind it. A call that was answered
    late may have arrived late, by as much as it took longer than the fastest one did.
    """

    def __init__(self, per_second: float) -> None:
        self._recent: deque[Call] = deque()
        self._fastest = math.inf
        self.limit(per_second)

    def limit(self, per_second: float) -> None:
        """From now on so many a second; less than one a second is one in so many seconds."""
        self._most = max(1, math.floor(per_second))
        self._seconds = self._most / per_second + GUARD

    def book(self, now: float, *, is_reply: bool = False) -> Call:
        """A place for a call. A reply waits for bulk's places alone, and not for long."""
        after = self._recent[-self._most] if len(self._recent) >= self._most else None
        if is_reply and all(call.is_reply for call in self._recent):
            after = None
        call = Call(now, self._seconds, is_reply, after)
        self._recent.append(call)
        while len(self._recent) > self._most:
            self._recent.popleft()
        return call

    def begin(self, call: Call, now: float) -> None:
        """It is being made."""
        call.at_first, call.after = now, None

    def answered(self, call: Call, now: float) -> None:
        """It was answered just now."""
        took = now - call.at
        self._fastest = min(self._fastest, took)
        call.late = took - self._fastest
