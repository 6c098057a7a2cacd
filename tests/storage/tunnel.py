"""A tunnel to PostgreSQL that can lose its connections without a word."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import sqlalchemy as sa

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: the end is a reset


class Tunnel:
    """Where its near end is, as a database URL."""

    def __init__(self, server: sa.URL) -> None:
        self._server = server
        self._losses = 0
        self._swallowed = 0
        self.url = ""

    async def lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        folder, port = self._server.query.get("host"), self._server.port or 5432
        if self._server.host is None and folder:
            far_reader, far_writer = await asyncio.open_unix_connection(f"{cast('str', folder)}/.s.PGSQL.{port}")
        else:
            far_reader, far_writer = await asyncio.open_connection(self._server.host or "127.0.0.1", port)
        begun, swallowed = self._losses, self._swallowed
        back = asyncio.create_task(self._bring_back(far_reader, writer))
        while said := await reader.read(65536):
            if self._swallowed > swallowed:
                continue
            if self._losses > begun:
                cast("socket.socket", writer.get_extra_info("socket")).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                break
            far_writer.write(said)
        back.cancel()
        far_writer.close()
        writer.transport.abort()

    async def _bring_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while said := await reader.read(65536):
            writer.write(said)
        writer.close()

    def swallow(self) -> None:
        """As when a pooler is stuck: what comes on the connections that there are is taken, and nothing is ever said to it."""
        self._swallowed += 1

    def lose(self) -> None:
        """As when a router forgets its connections: nobody is told, and whoever speaks on one of them is refused. New ones get through."""
        self._losses += 1


@asynccontextmanager
async def tunnel(url: str) -> AsyncIterator[Tunnel]:
    server = sa.make_url(url)
    one = Tunnel(server)
    listener = await asyncio.start_server(one.lead, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    one.url = server.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)
    async with listener:
        yield one
