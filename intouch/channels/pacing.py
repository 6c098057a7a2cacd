"""Pacing: who may speak to the Bot API next, so that its limits are kept and people never wait behind bulk."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from intouch.channels.window import Call, Window

REPLY, NOTICE, BULK = 0, 1, 2
BELOW = 59 / 60  # of the limit: turns that come at this pace meet the window's bound only after they were late


@dataclass(order=True, slots=True)
class _Waiter:
    rank: int
    number: int
    chat: str = field(compare=False)
    turn: asyncio.Future[None] = field(compare=False)


class Pacer:
    """Turns for one bot token, evenly spaced: over all chats, and over each of them.

    Replies (rank 0) do not queue but count; notices (1) go before bulk (2). After a 429 only its own rank and
    those behind it wait. Turns come a little below the limit, and a window of the last second sees to it that the
    limit is kept however unevenly the calls behind the turns are made.
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
        self._waiting: list[_Waiter] = []
        self._numbers = itertools.count()
        self._spoken: dict[str, float] = {}
        self._stopped = {NOTICE: 0.0, BULK: 0.0}
        self._timer: asyncio.TimerHandle | None = None

    async def turn(self, chat: str, rank: int) -> None:
        """Until this chat may be written to. A reply may then be sent; all else takes a ``place`` and says ``begin`` before the call."""
        if rank <= REPLY:
            self._speak(chat, _now())
            self._window.begin(await self._place(is_reply=True), _now())
            return
        waiter = _Waiter(rank, next(self._numbers), chat, asyncio.get_running_loop().create_future())
        heapq.heappush(self._waiting, waiter)
        self._arm(self._next)
        await waiter.turn

    async def place(self) -> Call:
        """The place of a call in the window of the last second, when it has come; what it needs may then be written down."""
        return await self._place(is_reply=False)

    async def begin(self, call: Call) -> None:
        """The last thing before the call: its place may have moved on meanwhile. Say ``end`` when it was answered."""
        await self._come(call)
        self._window.begin(call, _now())

    def end(self, call: Call) -> None:
        """The call was answered, or nothing will come any more."""
        self._window.answered(call, _now())

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

    async def _place(self, *, is_reply: bool) -> Call:
        call = self._window.book(_now(), is_reply=is_reply)
        await self._come(call)
        return call

    async def _come(self, call: Call) -> None:
        while (early := call.at - _now()) > 0:  # noqa: ASYNC110 - the place may move on while the call before it is not answered
            await asyncio.sleep(early)

    def _arm(self, at: float) -> None:
        if self._timer is not None and self._timer.when() <= at:
            return
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(max(at, loop.time()), self._ring)

    def _ring(self) -> None:
        """Give one turn to the first in the queue who may have it now, and come back for the next."""
        self._timer = None
        now = _now()
        if self._is_held:
            return  # ``share`` winds the clock up again
        if now < self._next:
            self._arm(self._next)
            return
        chosen, held, soonest = self._choose(now)
        for waiter in held:
            heapq.heappush(self._waiting, waiter)
        if chosen is not None:
            self._speak(chosen.chat, now)
            chosen.turn.set_result(None)
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
        if len(self._spoken) > 1000:
            self._spoken = {one: at for one, at in self._spoken.items() if now - at < self._per_chat}


def _now() -> float:
    return asyncio.get_running_loop().time()
