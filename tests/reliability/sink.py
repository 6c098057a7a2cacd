"""Sink: a mail server on loopback that takes everything as fast as it comes, and remembers who got which message."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

_END = b"\r\n.\r\n"
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


@dataclass
class Sink:
    """``taken``: recipient and Message-ID of each message, written down before its sender hears 250."""

    port: int = 0
    taken: list[tuple[str, str]] = field(default_factory=list)

    def url(self, connections: int) -> str:
        return f"smtp://127.0.0.1:{self.port}?connections={connections}"


class _Session(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._heard = b""
        self._recipient = ""
        self._is_reading_message = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._heard += data
        replies = []
        while (reply := self._next()) is not None:
            replies.append(reply)
        if replies:
            self._transport.write(b"".join(replies))
        if replies and replies[-1].startswith(b"221"):
            self._transport.close()

    def _next(self) -> bytes | None:
        """The answer to the next command or message, None when it is not all there yet."""
        message, found, rest = self._heard.partition(_END if self._is_reading_message else b"\r\n")
        if not found:
            return None
        self._heard = rest
        if self._is_reading_message:
            self._is_reading_message = False
            identity = _MESSAGE_ID.search(message)
            self._sink.taken.append((self._recipient, identity[1].decode() if identity else ""))
            return b"250 taken\r\n"
        return self._answer(message)

    def _answer(self, line: bytes) -> bytes:
        match line[:4].upper():
            case b"EHLO":
                return b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
            case b"RCPT":
                self._recipient = line.partition(b"<")[2].partition(b">")[0].decode()
            case b"DATA":
                self._is_reading_message = True
                return b"354 go on\r\n"
            case b"QUIT":
                return b"221 bye\r\n"
        return b"250 ok\r\n"


@asynccontextmanager
async def mail_sink() -> AsyncIterator[Sink]:
    """A sink on a free port of the loopback while the block runs."""
    sink = Sink()
    server = await asyncio.get_running_loop().create_server(lambda: _Session(sink), "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()
