"""How long plain aiosmtplib takes, a ready message after another on each connection: PORT NUMBER SIZE CONNECTIONS; prints seconds."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator

import aiosmtplib

LINE = b"<p>Buses 2 and 20 stop at the Green instead, from Monday on.</p>\r\n"
HEAD = b"From: news@council.example\r\nTo: r@x.example\r\nSubject: Hello\r\n\r\n"


async def _connection(port: int, numbers: Iterator[int], message: bytes) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
        for number in numbers:
            await client.sendmail("news@council.example", [f"r{number}@x.example"], message)


async def send(port: int, number: int, size: int, connections: int) -> float:
    message, numbers = HEAD + LINE * round(size / len(LINE)), iter(range(number))
    began = time.monotonic()
    await asyncio.gather(*(_connection(port, numbers, message) for _ in range(connections)))
    return time.monotonic() - began


if __name__ == "__main__":
    print(asyncio.run(send(*(int(given) for given in sys.argv[1:5]))))
