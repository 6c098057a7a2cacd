"""The delaying process of the benchmarks: later, in order, whole, and closed when the other end closes."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from benchmarks.delay import Near

ROUND_TRIP = 0.04


@pytest.fixture
async def far() -> AsyncIterator[int]:
    """The port of an echo that is a round trip away."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100_000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    to = server.sockets[0].getsockname()[1]
    between = await asyncio.get_running_loop().create_server(lambda: Near(ROUND_TRIP, to), "127.0.0.1", 0)
    async with server, between:
        yield between.sockets[0].getsockname()[1]
        await asyncio.sleep(ROUND_TRIP * 2)  # the end of a connection is a while under way too


async def test_everything_comes_back_a_round_trip_later_and_in_order(far: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", far)
    writer.write(b"first")
    await reader.readexactly(5)
    began = time.monotonic()
    sent = b"".join(b"%08d" % number for number in range(50_000))
    for at in range(0, len(sent), 1000):
        writer.write(sent[at : at + 1000])
    assert await reader.readexactly(len(sent)) == sent
    assert time.monotonic() - began >= ROUND_TRIP * 0.95
    writer.close()
    await writer.wait_closed()


async def test_what_is_under_way_does_not_hold_up_what_follows(far: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", far)
    writer.write(b"x")
    await reader.readexactly(1)
    began = time.monotonic()
    for _ in range(20):
        writer.write(b"x")
        await asyncio.sleep(0.005)
    await reader.readexactly(20)
    assert time.monotonic() - began < ROUND_TRIP * 20 / 2  # one after another would be 20 round trips
    writer.close()
    await writer.wait_closed()


async def test_a_connection_that_ends_here_ends_there(far: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", far)
    writer.write(b"bye")
    await reader.readexactly(3)
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    await writer.wait_closed()
