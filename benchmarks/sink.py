"""A mail server that takes everything and keeps nothing: ``python -m benchmarks.sink PORT``; a process of its own."""

from __future__ import annotations

import asyncio
import sys


class Sink(asyncio.Protocol):
    """Just enough SMTP, with PIPELINING."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.in_body = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        answers = bytearray()
        while True:
            end = self.buffer.find(b"\r\n.\r\n" if self.in_body else b"\r\n")
            if end < 0:
                break
            if self.in_body:
                del self.buffer[: end + 5]
                self.in_body = False
                answers += b"250 taken\r\n"
                continue
            verb = bytes(self.buffer[:4]).upper()
            del self.buffer[: end + 2]
            self.in_body = verb == b"DATA"
            answers += {b"DATA": b"354 go on\r\n", b"EHLO": b"250-sink\r\n250 PIPELINING\r\n", b"QUIT": b"221 bye\r\n"}.get(
                verb, b"250 ok\r\n"
            )
        self.transport.write(bytes(answers))


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
