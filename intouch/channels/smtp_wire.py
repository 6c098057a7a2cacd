"""SMTP wire: bytes in and replies out of one connection, once it has been opened and secured."""

from __future__ import annotations

import asyncio
import re
from collections import deque

from intouch.channels.smtp_replies import Reply

_LONGEST_REPLY = 32 * 1024
_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?\Z", re.DOTALL)


class Lost(Exception):
    """The connection is gone, or what came over it was no SMTP: it can't be used any more."""


class Wire(asyncio.Protocol):
    """Takes over a transport and keeps the replies in the order in which they came, so that commands may be pipelined."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._buffer = bytearray()
        self._lines: list[bytes] = []
        self._size = 0
        self._replies: deque[Reply] = deque()
        self._lost: Lost | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        transport.set_protocol(self)

    @property
    def is_quiet(self) -> bool:
        """Open, and nothing was said that nobody asked for: only then may a transaction begin."""
        return self._lost is None and not self._replies and not self._buffer and not self._transport.is_closing()

    def write(self, data: bytes) -> None:
        if self._lost is not None or self._transport.is_closing():
            raise self._lost or Lost("the connection was closed")
        self._transport.write(data)

    async def flush(self, seconds: float) -> None:
        """Until the other side has taken most of what was written."""
        if not self._may_write.is_set():
            async with asyncio.timeout(seconds):
                await self._may_write.wait()
        if self._lost is not None:
            raise self._lost

    async def reply(self, seconds: float) -> Reply:
        """The next reply; ``TimeoutError`` when none comes in time, ``Lost`` when none will come."""
        if not self._replies:
            async with asyncio.timeout(seconds):
                while not self._replies:
                    if self._lost is not None:
                        raise self._lost
                    self._waiter = asyncio.get_running_loop().create_future()
                    await self._waiter
        return self._replies.popleft()

    def close(self) -> None:
        self._lost = self._lost or Lost("we closed the connection")
        # abort: a server that hangs would otherwise keep the rest of a message in our memory.
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        # After nonsense nothing counts any more: a later line would answer the wrong question.
        while self._lost is None and (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).rstrip(b"\r")
            del self._buffer[: end + 1]
            self._take(line)
        if len(self._buffer) + self._size > _LONGEST_REPLY:
            self._fail("the mail server's reply has no end")
        self._wake()

    def _take(self, line: bytes) -> None:
        found = _LINE.match(line)
        if found is None:
            self._fail("the mail server's reply was not SMTP")
            return
        self._lines.append(found[3] or b"")
        self._size += len(line)
        if found[2] != b"-":
            text = b"\n".join(self._lines).decode("utf-8", "replace")
            self._replies.append(Reply(int(found[1]), text))
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
        self._may_write.set()
        self._wake()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
