"""A network in between: passes on all it is given, half a round trip later each way: ``python -m benchmarks.delay PORT TO SECONDS``.

Nothing waits for anything: however much is under way, each piece leaves when its time has come, in the order in which it came.
A process of its own; it stands in for ``tc netem``, which needs a kernel module that containers often lack.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from benchmarks.delivery import wait_for

TOGETHER = 0.0002  # seconds: what came so soon after each other leaves at once, with fewer calls


class End(asyncio.Protocol):
    """One end of a connection: what comes in here goes out at the other end, later."""

    def __init__(self, delay: float, other: End | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._delay = delay
        self._due: deque[tuple[float, bytes]] = deque()
        self._transport: asyncio.Transport | None = None
        self.other = other

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self.other is not None:
            self.other.other = self
            self.other.pass_on()

    def data_received(self, data: bytes) -> None:
        self._put(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self._put(b"")

    def _put(self, data: bytes) -> None:
        self._due.append((self._loop.time() + self._delay, data))
        if len(self._due) == 1:
            self._loop.call_at(self._due[0][0], self.pass_on)

    def pass_on(self) -> None:
        """Let go of all whose time has come."""
        other = self.other._transport if self.other is not None else None
        if other is None:
            return
        now, ready = self._loop.time() + TOGETHER, []
        while self._due and self._due[0][0] <= now:
            ready.append(self._due.popleft()[1])
        if ready:
            other.write(b"".join(ready))
        if ready and not ready[-1]:
            other.close()
        if self._due:
            self._loop.call_at(self._due[0][0], self.pass_on)


class Near(End):
    """The end that is connected to; its far end is opened when a handshake over such a distance would be over."""

    def __init__(self, round_trip: float, to: int) -> None:
        super().__init__(round_trip / 2)
        self._to = to
        self._opening: asyncio.Task[object] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._opening = asyncio.create_task(self._open())

    async def _open(self) -> None:
        await asyncio.sleep(self._delay * 3)
        await self._loop.create_connection(lambda: End(self._delay, self), "127.0.0.1", self._to)


async def serve(port: int, to: int, round_trip: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Near(round_trip, to), "127.0.0.1", port, backlog=512)
    async with server:
        await server.serve_forever()


@contextmanager
def away(to: int, round_trip: float) -> Iterator[int]:
    """A port behind which ``to`` is a round trip of so many seconds away."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.delay", str(port), str(to), str(round_trip)])
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    # epoll counts in whole milliseconds, which would make each way longer than it says; select does not.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
