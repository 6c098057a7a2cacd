"""Pacing: who may speak to the Bot API next, so that its limits are kept and people never wait behind bulk."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from intouch.channels.window import Call, Window

REPLY, NOTICE, BULK = 0, 1, 2
BELOW = 59 / 60  # of the limit: turns that come at this pace meet the window's bound only after they were late
LONGEST_GIVE = 0.15  # seconds that a reply may have to wait for its place; one process of four has one free so often
FORGET_AT = 1000  # chats whose last message is remembered before those of more than a second ago are let go


@dataclass(order=True, slots=True)
class _Waiter:
    rank: int
    number: int
    chat: str = field(compare=False)
    turn: asyncio.Future[Call] = field(compare=False)


class Pacer:
    """Turns for one bot token, evenly spaced: over all chats, and over each of them.

    Replies (rank 0) do not queue but count; notices (1) go before bulk (2). After a 429 only its own rank and
    those behind it wait. Turns come a little below the limit, and with each comes a place in a window, which sees to it that
    the limit is kept however unevenly the calls are made and answered.
    """

    def __init__(self, *, per_second: float = 30, per_chat: float = 1.0) -> None:
        """``per_second`` over all chats of the token; ``per_chat`` messages a second to one of them."""
        self._per_second = per_second
        self._least_gap = self._gap = 1.0 / (per_second * BELOW)
        self._window = Window(per_second)
        self._per_chat = 1.0 / per_chat
        self._is_held = False
        # Told of each stop, so that other processes that speak for this token can be told.
        self.on_stop: Callable[[int, float], None] | None = None
        self._next = 0.0
        self._hurried = 0  # replies that wait for a place
        self.replies = 0  # that were counted, since this began
        self._waiting: list[_Waiter] = []
        self._numbers = itertools.count()
        self._spoken: dict[str, float] = {}
        self._forget_at = FORGET_AT
        self._stopped = {NOTICE: 0.0, BULK: 0.0}
        self._timer: asyncio.Handle | None = None
        self._rings_at = 0.0

    async def turn(self, chat: str, rank: int) -> Call:
        """Until this chat may be written to. Say ``begin`` right before the call, and ``end`` whatever becomes of it.

        A reply may be sent at once; nothing need be said of it.
        """
        if rank <= REPLY:
            self.replies += 1
            self._speak(chat, _now())
            return await self._give_way()
        waiter = _Waiter(rank, next(self._numbers), chat, asyncio.get_running_loop().create_future())
        heapq.heappush(self._waiting, waiter)
        self._arm(self._next)
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.done() and not waiter.turn.cancelled():
                self.end(waiter.turn.result(), is_answered=False)
            raise

    def begin(self, call: Call) -> None:
        """The call is made now."""
        self._window.begin(call, _now())

    def end(self, call: Call, *, is_answered: bool) -> None:
        """The call was answered; or it was not made, or nobody heard how it ended."""
        if is_answered:
            self._window.answered(call, _now())
        else:
            self._window.leave(call, _now())
        if self._waiting:
            self._arm(self._next)

    def part_of(self, place: int, processes: int, *, reserved: int = 0, needed: int = 0) -> float:
        """The part of the ``place``-th of so many processes: whole calls a second, so that together they keep the limit in any second.

        ``reserved`` calls are left to processes that only reply, but no more than half of all; ``needed`` ones to replies that are
        being made elsewhere, but not the last of each process.
        """
        if processes == 1 and not reserved and not needed:
            return 1.0
        calls = math.floor(self._per_second)
        calls -= max(min(reserved, calls // 2), min(needed, calls - processes))
        each, more = divmod(calls, processes)
        return (each + (place < more) if each else calls / processes) / self._per_second

    def part_for(self, replies: int) -> float:
        """The part that so many replies a second take."""
        return min(1.0, replies / self._per_second)

    def share(self, part: float) -> None:
        """Keep to this part of the whole pace, because other processes speak for the same token; 0 holds all but replies."""
        self._is_held = part <= 0
        if self._is_held:
            return
        self._gap = self._least_gap / part
        self._window.limit(self._per_second * part)
        self._next = min(self._next, _now() + self._gap)
        if self._waiting:
            self._arm(self._next)

    def stop(self, rank: int, seconds: float) -> None:
        """The Bot API answered 429 to a message of this rank: it and those behind it wait ``seconds``, in every process."""
        self.hold(rank, seconds)
        if self.on_stop is not None:
            self.on_stop(rank, seconds)

    def hold(self, rank: int, seconds: float) -> None:
        """``stop``, told by another process."""
        until = _now() + seconds
        for behind in range(max(rank, NOTICE), BULK + 1):
            self._stopped[behind] = max(self._stopped[behind], until)

    async def _give_way(self) -> Call:
        """The next place that is free is a reply's, and after a moment it goes without one."""
        until = _now() + LONGEST_GIVE
        self._hurried += 1
        try:
            while (early := min(self._window.wait_as_reply(_now()), until - _now())) > 0:  # noqa: ASYNC110 - bulk may take a place meanwhile
                await asyncio.sleep(early)
        finally:
            self._hurried -= 1
        return self._window.take_as_reply(_now())

    def _arm(self, at: float) -> None:
        if self._timer is not None and self._rings_at <= at:
            return
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer, self._rings_at = loop.call_at(max(at, loop.time()), self._ring), at

    def _ring(self) -> None:
        """Give one turn to the first in the queue who may have it now, and come back for the next."""
        self._timer = None
        now = _now()
        if self._is_held:
            return  # ``share`` winds the clock up again
        at = max(self._next, now + self._window.wait(now, ahead=self._hurried))
        if now < at:
            self._arm(at)
            return
        chosen, held, soonest = self._choose(now)
        for waiter in held:
            heapq.heappush(self._waiting, waiter)
        if chosen is not None:
            self._speak(chosen.chat, now)
            chosen.turn.set_result(self._window.take(now))
        if self._waiting:
            self._arm(self._next if chosen is not None else soonest)

    def _choose(self, now: float) -> tuple[_Waiter | None, list[_Waiter], float]:
        """The first who may speak now, those passed over, and when the first of them may speak."""
        held: list[_Waiter] = []
        soonest = float("inf")
        while self._waiting:
            waiter = heapq.heappop(self._waiting)
            if waiter.turn.done():
                continue  # it was cancelled
            free = max(self._stopped[min(waiter.rank, BULK)], self._spoken.get(waiter.chat, 0.0) + self._per_chat)
            if free <= now:
                return waiter, held, soonest
            held.append(waiter)
            soonest = min(soonest, free)
        return None, held, soonest

    def _speak(self, chat: str, now: float) -> None:
        late = now - self._next
        # A timer that rang late is made up for in part; a long silence gives no right to a burst.
        credit = min(late, self._gap / 2) if 0 < late < self._gap else 0.0
        self._next = max(self._next, now) + self._gap - credit
        self._spoken[chat] = now
        if len(self._spoken) >= self._forget_at:
            self._spoken = {one: at for one, at in self._spoken.items() if now - at < self._per_chat}
            # Twice as many as are left: where thousands speak within a second, to look at all of them at each turn costs too much.
            self._forget_at = max(FORGET_AT, 2 * len(self._spoken))


def _now() -> float:
    return asyncio.get_running_loop().time()
