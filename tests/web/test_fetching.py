"""What is fetched from a provider comes whole, however it comes."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from intouch.web.fetching import CannotFetch, fetch

CERTIFICATE = b"-----BEGIN CERTIFICATE-----\n" + b"x" * 2000 + b"\n-----END CERTIFICATE-----\n"


async def _fetched(*pieces: bytes) -> bytes:
    """What is fetched from a server that answers in these pieces, one after the other."""
    done = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()
        done.set()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        try:
            return await fetch(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/certificate.pem")
        finally:
            await done.wait()


async def test_a_certificate_that_comes_in_two_packets_is_read_whole() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(CERTIFICATE)
    assert await _fetched(head, CERTIFICATE[:1300], CERTIFICATE[1300:]) == CERTIFICATE


async def test_what_breaks_off_or_is_an_error_is_not_fetched() -> None:
    with pytest.raises(CannotFetch):
        await _fetched(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + CERTIFICATE)
    with pytest.raises(CannotFetch):
        await _fetched(b"HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n")


async def test_what_has_no_end_is_read_no_further_than_a_certificate_could_be() -> None:
    assert len(await _fetched(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n", b"x" * 100_000)) == 64 * 1024
