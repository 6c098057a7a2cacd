"""A request's head is bounded, whatever it is that goes on without end; the rest of the council is served meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import repeat

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from intouch.web import serving
from intouch.web.bounding import MOST_HEAD


async def _length(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
async def address() -> AsyncIterator[tuple[str, int]]:
    listening = serving.bind("127.0.0.1:0")
    server = asyncio.create_task(serving.WebServer(Starlette(routes=[Route("/", _length, methods=["GET", "POST"])]), listening).run())
    yield listening.getsockname()[:2]
    server.cancel()
    await asyncio.wait([server])


async def _answer(address: tuple[str, int], pieces: Iterator[bytes]) -> tuple[bytes, int]:
    """What comes back until the other side hangs up or there is no more to say, and how many bytes it took by then."""
    reader, writer = await asyncio.open_connection(*address)
    answer = asyncio.create_task(reader.read())
    sent = 0
    try:
        for piece in pieces:
            if answer.done() or reader.at_eof() or writer.is_closing():
                break
            writer.write(piece)
            sent += len(piece)
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            return await answer, sent
    except ConnectionError:
        return b"", sent
    finally:
        answer.cancel()
        writer.close()


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Endless: ", b"x" * 4096),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"X-Many: of them\r\n" * 200),
        (b"GET /", b"x" * 4096),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"X" * 4096),
    ],
    ids=["one value", "many headers", "the address", "one name"],
)
async def test_a_head_without_end_is_refused(address: tuple[str, int], begin: bytes, piece: bytes) -> None:
    def endless() -> Iterator[bytes]:
        yield begin
        yield from repeat(piece, 10_000)

    answer, sent = await _answer(address, endless())
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert sent < len(piece) * 10_000
    fine, _ = await _answer(address, iter([b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]))
    assert fine.startswith(b"HTTP/1.1 200 ")


async def test_a_long_head_that_ends_is_served(address: tuple[str, int]) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: " + b"x" * (MOST_HEAD - 200) + b"\r\n\r\n"
    pieces = iter([head[at : at + 1000] for at in range(0, len(head), 1000)])
    answer, _ = await _answer(address, pieces)
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_bodies_and_what_follows_them_are_no_head(address: tuple[str, int]) -> None:
    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 120000\r\n\r\n" + b"x" * 120_000
    last = post.replace(b"Host: x", b"Host: x\r\nConnection: close")
    stream = post + post + last  # all of it before the first answer
    answer, _ = await _answer(address, iter([stream[at : at + 50_000] for at in range(0, len(stream), 50_000)]))
    assert answer.count(b"HTTP/1.1 200 ") == 3 and answer.count(b"120000") == 3


async def test_rubbish_is_refused(address: tuple[str, int]) -> None:
    answer, _ = await _answer(address, iter([b"\x16\x03\x01\x02\x00 no HTTP at all\r\n\r\n"]))
    assert answer.startswith(b"HTTP/1.1 400 ")
