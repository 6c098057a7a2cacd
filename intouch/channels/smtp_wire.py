"""SMTP wire: bytes in and replies out of one connection, once it has been opened and secured."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from functools import lru_cache
from itertools import islice

from intouch.channels.smtp_replies import Reply

_LONGEST_REPLY = 32 * 1024
_MOST_REPLIES = 64  # that nobody asked for yet; in a transaction no more than four can wait
_ROOM = 4096  # bytes read at once; replies are short
_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?\Z", re.DOTALL)


class Lost(Exception):
    """The connection is gone, or what came over it was no SMTP: it can't be used any more."""


class Wire(asyncio.BufferedProtocol):
    """Takes over a transport and keeps the replies in the order in which they came, so that commands may be pipelined."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._room = bytearray(_ROOM)
        self._rest = b""
        self._lines: list[bytes] = []
        self._size = 0
        self._replies: deque[Reply] = deque()
        self._lost: Lost | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._until = 0.0
        self._alarm: asyncio.Handle | None = None
        self._rings_at = 0.0
        self._may_write = asyncio.Event()
        self._may_write.set()
        transport.set_protocol(self)

    @property
    def is_quiet(self) -> bool:
        """Open, and nothing was said that nobody asked for: only then may a transaction begin."""
        is_silent = not (self._replies or self._lines or self._rest)
        return is_silent and self._lost is None and not self._transport.is_closing()

    def write(self, data: bytes) -> None:
        if self._lost is not None or self._transport.is_closing():
            raise self._lost or Lost("the connection was closed")
        self._transport.write(data)

    @property
    def is_full(self) -> bool:
        """So much waits to be taken by the other side that more should not be written."""
        return not self._may_write.is_set()

    async def flush(self, seconds: float) -> None:
        """Until the other side has taken most of what was written."""
        if not self._may_write.is_set():
            async with asyncio.timeout(seconds):
                await self._may_write.wait()
        if self._lost is not None:
            raise self._lost

    def at_hand(self, number: int) -> list[Reply]:
        """The next so many replies, if that many have come; they are still to be read."""
        return list(islice(self._replies, number)) if len(self._replies) >= number else []

    def skip(self, number: int) -> None:
        """Take replies that were looked at as read."""
        for _ in range(number):
            self._replies.popleft()

    async def reply(self, seconds: float) -> Reply:
        """The next reply; ``TimeoutError`` when none comes in time, ``Lost`` when none will come."""
        if not self._replies:
            self._expect_until(self._loop.time() + seconds)
            while not self._replies:
                if self._lost is not None:
                    raise self._lost
                self._waiter = self._loop.create_future()
                await self._waiter
        return self._replies.popleft()

    def _expect_until(self, until: float) -> None:
        # One alarm for many replies, which looks at the clock when it rings: one for each costs more than the reply itself.
        self._until = until
        if self._alarm is None or self._rings_at > until:
            self._silence()
            self._wind()

    def _wind(self) -> None:
        self._alarm, self._rings_at = self._loop.call_at(self._until, self._ring), self._until

    def _ring(self) -> None:
        self._alarm = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() >= self._until:
            self._waiter.set_exception(TimeoutError())
        else:
            self._wind()

    def _silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def close(self) -> None:
        self._lost = self._lost or Lost("we closed the connection")
        self._silence()
        # abort: a server that hangs would otherwise keep the rest of a message in our memory.
        self._transport.abort()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        *lines, self._rest = (self._rest + self._room[:nbytes]).split(b"\n")
        for line in lines:
            if self._lost is None:  # after nonsense nothing counts any more: a later line would answer the wrong question
                self._take(bytes(line).rstrip(b"\r"))
        if len(self._rest) + self._size > _LONGEST_REPLY:
            self._fail("the mail server's reply has no end")
        if len(self._replies) > _MOST_REPLIES:
            self._fail("the mail server said more than it was asked")
        self._wake()

    def _take(self, line: bytes) -> None:
        found = _read(line)
        if found is None:
            self._fail("the mail server's reply was not SMTP")
            return
        reply, text, goes_on = found
        if not goes_on and not self._lines:
            self._replies.append(reply)
            return
        self._lines.append(text)
        self._size += len(line)
        if not goes_on:
            self._replies.append(Reply(reply.code, _decoded(b"\n".join(self._lines))))
            self._lines, self._size = [], 0

    def _fail(self, why: str) -> None:
        self._lost = self._lost or Lost(why)
        self._transport.abort()

    def eof_received(self) -> bool:
        self._lost = self._lost or Lost("the mail server hung up")
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = self._lost or Lost("the connection broke")
        self._silence()
        self._may_write.set()
        self._wake()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


@lru_cache(maxsize=256)  # a mail server says the same few lines all day
def _read(line: bytes) -> tuple[Reply, bytes, bool] | None:
    """One line of a reply: the reply if it has no other, its text, and whether another line follows; None: that is no SMTP."""
    found = _LINE.match(line)
    if found is None:
        return None
    text = found[3] or b""
    return Reply(int(found[1]), _decoded(text)), text, found[2] == b"-"


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")
