"""A machine whose clock is wrong takes nothing from the others, and sends when it is time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from intouch import app, settings
from intouch.clock import Clock, ShiftedClock, SystemClock
from intouch.outbox.models import Delivery, Road, State
from intouch.outbox.synchronising import Synchronising
from intouch.runtime import Runtime
from intouch.sender import Sender
from intouch.storage.sessions import Sessions, open_engine
from tests.outbox.outboxes import draft, queue, rows

TWO_MINUTES = timedelta(minutes=2)


def off_by(difference: timedelta) -> SystemClock:
    """The clock of a machine that is ahead of this one, where PostgreSQL runs."""
    return SystemClock(lambda: datetime.now(UTC) + difference)


def difference(clock: Clock) -> timedelta:
    return abs(clock.now() - datetime.now(UTC))


Build = Callable[[Clock], app.Application | Sender]


@pytest.fixture(params=["sender", "all"])
def build(request: pytest.FixtureRequest, postgres_url: str, tmp_path: Path) -> Build:
    chosen = settings.load(data_dir=tmp_path / "data", database_url=postgres_url, secret_key="a-key-for-tests", listen="127.0.0.1:0")

    def built(clock: Clock) -> app.Application | Sender:
        return Sender(chosen, clock=clock) if request.param == "sender" else app.Application(chosen, clock=clock)

    return built


async def _held_by_another(runtime: Runtime) -> None:
    now = datetime.now(UTC)
    await queue(runtime, draft(1, now, road=Road.EMAIL, kind="letter", address="grace@roker.example"))
    async with runtime.sessions.write() as session:
        held = {"state": State.SENDING, "leased_by": "elsewhere", "lease_until": now + timedelta(seconds=45)}
        await session.execute(sa.update(Delivery).values(**held))


async def test_what_another_is_sending_is_not_taken_by_whose_clock_is_ahead(build: Build) -> None:
    process = build(off_by(TWO_MINUTES))
    await _held_by_another(process.runtime)
    await process.start()  # and sweeps at once
    await asyncio.sleep(0.5)
    (row,) = await rows(process.runtime)
    await process.stop()
    assert (row.state, row.leased_by) == (State.SENDING, "elsewhere")


@pytest.mark.parametrize("ahead", [TWO_MINUTES, -TWO_MINUTES, timedelta(0)])
async def test_a_clock_goes_by_the_database(postgres_url: str, ahead: timedelta) -> None:
    sessions, clock = Sessions(open_engine(postgres_url)), off_by(ahead)
    for _ in range(2):
        await Synchronising(sessions, clock).look()
        assert difference(clock) < timedelta(seconds=1)
    await sessions.close()


async def test_a_clock_that_somebody_set_is_let_be(postgres_url: str, now: datetime) -> None:
    sessions, clock = Sessions(open_engine(postgres_url)), ShiftedClock(now)
    await Synchronising(sessions, clock).look()
    assert clock.now() - now < timedelta(seconds=10)
    await sessions.close()


async def test_on_sqlite_the_machine_knows_what_time_it_is(sqlite_url: str) -> None:
    sessions, clock = Sessions(open_engine(sqlite_url)), off_by(TWO_MINUTES)
    await Synchronising(sessions, clock).look()
    await Synchronising(sessions, clock).run()  # and is asked no more
    assert difference(clock) > timedelta(minutes=1)
    await sessions.close()
