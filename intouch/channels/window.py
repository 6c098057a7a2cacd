"""Window: never more than so many calls in any second at the other side, however late each of them gets there."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

GUARD = 0.01  # seconds: two clocks do not tick together
RECENT = 1000  # answers, of which the fastest tells how long the way is when nothing holds it up


@dataclass(slots=True, eq=False)
class Call:
    """One place. It is taken before the call is made, and free a second after the call was at the other side at the latest."""

    at: float  # when it was made; once it was answered, when it was there at the latest
    is_made: bool = False
    is_over: bool = False


class Window:
    """The places of one token: as many as calls may be made in a second.

    Even spacing alone does not keep a limit: what was held up on the way meets what was made after it. When a call was there we do
    not see, but not later than its answer less the time that the fastest answer took. So a call without an answer keeps its place
    and all others go on with one less, and when nothing is answered at all no more calls wait on the way than the limit.
    """

    def __init__(self, per_second: float) -> None:
        self._calls: list[Call] = []
        self._replies: deque[float] = deque()
        self._way = 0.0  # before the first answer nobody knows how long it is
        self._before = self._latest = math.inf
        self._answers = 0
        self.limit(per_second)

    def limit(self, per_second: float) -> None:
        """From now on so many a second; less than one a second is one in so many seconds."""
        self._most = max(1, math.floor(per_second + 1e-9))  # 7 of 30 may come as 6.999…
        self._seconds = self._most / per_second + GUARD
        self._replies = deque(self._replies, maxlen=self._most)

    def wait(self, now: float, *, ahead: int = 0) -> float:
        """Seconds until there may be a place for one behind ``ahead`` others; 0 when there is one now."""
        while self._replies and self._replies[0] <= now:
            self._replies.popleft()
        self._calls = [call for call in self._calls if self._end(call, now) > now]
        missing = len(self._calls) + len(self._replies) + ahead - self._most
        if missing < 0:
            return 0.0
        ends = sorted([*self._replies, *(self._end(call, now) for call in self._calls)])
        return ends[min(missing, len(ends) - 1)] - now if ends else 0.0

    def wait_as_reply(self, now: float) -> float:
        """The same for a reply. It waits for bulk's places alone, as people who write do not come evenly."""
        return self.wait(now) if self._calls else 0.0

    def take(self, now: float) -> Call:
        """Take a place; say ``begin`` when the call is made, and ``answered`` or ``leave`` in any case."""
        call = Call(now)
        self._calls.append(call)
        return call

    def take_as_reply(self, now: float) -> Call:
        """A place for a reply that is made now; it is free in a second, whatever becomes of the call."""
        self._replies.append(now + self._seconds)
        return Call(now, is_made=True, is_over=True)

    def begin(self, call: Call, now: float) -> None:
        """It is made now."""
        call.at, call.is_made = now, True

    def answered(self, call: Call, now: float) -> None:
        """It was answered just now."""
        self._learn(now - call.at)
        call.at, call.is_over = max(call.at, now - self._way), True

    def leave(self, call: Call, now: float) -> None:
        """No answer will come: it was not made, or may be there as late as now."""
        if call.is_made:
            call.at, call.is_over = now, True
        else:
            self._calls.remove(call)

    def _end(self, call: Call, now: float) -> float:
        """When its place is free, as far as is known by now."""
        there = call.at if call.is_over else max(call.at, now - self._way) if call.is_made else now
        return there + self._seconds

    def _learn(self, took: float) -> None:
        """The fastest of the latest answers, and not of all: a way that has become longer must not cost its pace for ever."""
        self._latest, self._answers = min(self._latest, took), self._answers + 1
        self._way = min(self._before, self._latest)
        if self._answers == RECENT:
            self._before, self._latest, self._answers = self._latest, math.inf, 0
