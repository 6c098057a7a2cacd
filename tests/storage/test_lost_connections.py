"""Connections to PostgreSQL that were lost while they rested are replaced, and nobody hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest
import sqlalchemy as sa

from intouch.storage.sessions import Sessions, open_engine
from tests.storage.tunnel import tunnel

Way = Callable[[Sessions], Awaitable[int]]


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Sessions]:
    sessions = Sessions(open_engine(url))
    try:
        yield sessions
    finally:
        await sessions.close()


async def ask(sessions: Sessions) -> int:
    async with sessions.read() as session:
        return (await session.scalar(sa.text("SELECT 1"))) or 0


async def glance(sessions: Sessions) -> int:
    async with sessions.glance() as session:
        return (await session.scalar(sa.text("SELECT 1"))) or 0


async def end_all_but_one(url: str) -> None:
    connection = await asyncpg.connect(sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
    ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    await connection.execute(ended)
    await connection.close()


@pytest.mark.parametrize("way", [ask, glance])
async def test_connections_that_the_server_closed_a_moment_ago_are_replaced(postgres_url: str, way: Way) -> None:
    async with opened(postgres_url) as sessions:
        for _ in range(2):
            assert await asyncio.gather(*(way(sessions) for _ in range(8))) == [1] * 8
            await end_all_but_one(postgres_url)
            assert await asyncio.gather(*(way(sessions) for _ in range(8))) == [1] * 8


@pytest.mark.parametrize("way", [ask, glance])
async def test_connections_that_were_lost_without_a_word_are_replaced(postgres_url: str, way: Way) -> None:
    async with tunnel(postgres_url) as between, opened(between.url) as sessions:
        assert await asyncio.gather(*(way(sessions) for _ in range(5))) == [1] * 5
        between.lose()
        assert await asyncio.gather(*(way(sessions) for _ in range(5))) == [1] * 5


async def test_whoever_froze_in_a_transaction_loses_it_before_its_lease_can_be_taken_over(postgres_url: str) -> None:
    async with opened(postgres_url) as sessions, sessions.write() as session:
        assert await session.scalar(sa.text("SHOW idle_in_transaction_session_timeout")) == "45s"
