"""PostgreSQL does not answer on the connections that a sender has: it gives them up and goes on, and holds nothing for ever."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from intouch.app import build_runtime
from intouch.clock import ShiftedClock
from intouch.outbox.habits import Habits
from intouch.outbox.models import State
from intouch.runtime import Runtime
from intouch.settings import Settings
from intouch.storage.sessions import Sessions, open_engine
from tests.outbox.outboxes import RecordingChannel, draft, queue, states, worker
from tests.storage.tunnel import Tunnel, tunnel


@pytest.fixture
async def between(postgres_url: str) -> AsyncIterator[Tunnel]:
    async with tunnel(postgres_url) as one:
        yield one


def _end_soon(connection: Any, _record: Any) -> None:
    connection.run_async(lambda raw: raw.execute("SET idle_in_transaction_session_timeout = '2s'"))


@pytest.fixture
async def impatient(settings_of_a_council: Settings, between: Tunnel, clock: ShiftedClock) -> AsyncIterator[Runtime]:
    """Half a second stands for the half minute of production, and two for the 45 after which the server ends a transaction that stands.

    SQLAlchemy waits for a ROLLBACK that is under way, whoever cancels it: where that is swallowed, only the server ends it.
    """
    usual = build_runtime(settings_of_a_council.model_copy(update={"database_url": SecretStr(between.url)}), clock)
    await usual.sessions.close()
    engine = open_engine(between.url)
    sa.event.listen(engine.sync_engine, "connect", _end_soon)
    runtime = dataclasses.replace(usual, sessions=Sessions(engine, answers_within=0.5))
    yield runtime
    await runtime.sessions.close()


async def test_a_sender_whose_connections_are_swallowed_sends_on_and_writes_its_outcomes(
    between: Tunnel, impatient: Runtime, postgres_url: str, settings_of_a_council: Settings, clock: ShiftedClock, now: datetime
) -> None:
    seen = build_runtime(settings_of_a_council.model_copy(update={"database_url": SecretStr(postgres_url)}), clock)
    await queue(seen, *(draft(number, now) for number in range(8)))
    channel = RecordingChannel(slow=0.4)
    one = worker(impatient, channel, habits=Habits(poll=0.02, sweep_every=3600, lease=timedelta(hours=1)))
    running = asyncio.create_task(one.run())
    async with asyncio.timeout(30):
        while len(channel.sent) < 1:
            await asyncio.sleep(0.005)
        await asyncio.gather(*(states(impatient) for _ in range(5)))  # so that connections are at rest when they are swallowed
        between.swallow()  # all are claimed, and nothing is written just now
        while set(await states(seen)) != {State.SENT}:
            await asyncio.sleep(0.05)
        await one.stop(within=1)
        await running
    await seen.sessions.close()
    assert sorted(channel.sent, key=int) == [str(number) for number in range(8)]


async def test_a_line_on_which_nothing_comes_back_is_given_up_in_half_a_minute(between: Tunnel) -> None:
    engine = open_engine(between.url)
    async with engine.connect() as connection:
        raw = await connection.get_raw_connection()
        line = raw.driver_connection._transport.get_extra_info("socket")  # type: ignore[union-attr]
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
        assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        at_rest = sum(
            line.getsockopt(socket.IPPROTO_TCP, option) * times
            for option, times in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)))
        )
        assert at_rest == 30
        assert await connection.scalar(sa.text("SELECT 1")) == 1
    await engine.dispose()
