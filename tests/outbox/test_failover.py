"""PostgreSQL fails over under a running sender to a standby that lacks the last moments: nothing goes out again by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from intouch.app import build_runtime
from intouch.channels.outcomes import Envelope, Heard
from intouch.clock import ShiftedClock
from intouch.outbox.enqueue import Draft
from intouch.outbox.epoch import Keeper
from intouch.outbox.models import Delivery, Epoch, State
from intouch.runtime import Runtime
from intouch.settings import Settings
from intouch.storage.sessions import open_engine
from tests.outbox.outboxes import RecordingChannel, draft, queue, states, worker
from tests.outbox.test_worker import running

_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
async def council(postgres_url: str, settings_of_a_council: Settings, clock: ShiftedClock, tmp_path: Path) -> AsyncIterator[Runtime]:
    # Databases of tests are copies of one, and so have its name: one file for all of them would tell of the others.
    own = {"database_url": SecretStr(postgres_url), "epoch_file": tmp_path / "epoch.json"}
    runtime = build_runtime(settings_of_a_council.model_copy(update=own), clock)
    yield runtime
    await runtime.sessions.close()


async def fail_over(url: str, *, lacking: int) -> None:
    """As if on a standby that did not hear that the first ``lacking`` were sent."""
    engine = open_engine(url)
    async with engine.begin() as connection:
        await connection.execute(sa.text("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE"))
        lost = sa.update(Delivery).values(state=State.QUEUED, settled_at=None, provider_id=None, leased_by=None, lease_until=None)
        await connection.execute(lost.where(Delivery.id.in_(sa.select(Delivery.id).order_by(Delivery.id).limit(lacking))))
        await connection.execute(sa.text(_OTHERS))
    await engine.dispose()


async def test_what_the_standby_does_not_know_is_held_before_it_is_sent_again(council: Runtime, postgres_url: str, now: datetime) -> None:
    keeper, channel = Keeper(council.sessions, council.clock, council.settings.epoch_path), RecordingChannel()
    await queue(council, *(draft(number, now) for number in range(30)))
    async with running(worker(council, channel, beat=keeper.beat, before_claim=keeper.before_claim, note_sent=keeper.note_sent)):
        await _settled(council, {State.SENT})
        await keeper.look()  # as before each claim
        await fail_over(postgres_url, lacking=30)
        await _settled(council, {State.HELD})
    assert len(channel.sent) == 30


class WaitsForOne(RecordingChannel):
    """The mail server takes its time over the one that is called 99."""

    def __init__(self) -> None:
        super().__init__()
        self.has_it, self.takes_it = asyncio.Event(), asyncio.Event()

    async def send_batch(self, envelopes: Sequence[Envelope], heard: Heard) -> None:
        if any(envelope.address == "99" for envelope in envelopes):
            self.has_it.set()
            await self.takes_it.wait()
        await super().send_batch(envelopes, heard)


async def test_an_outcome_that_is_first_written_to_the_standby_covers_up_nothing(
    council: Runtime, postgres_url: str, now: datetime
) -> None:
    keeper, channel = Keeper(council.sessions, council.clock, council.settings.epoch_path), WaitsForOne()
    await queue(council, *(draft(number, now) for number in range(30)))
    async with running(worker(council, channel, beat=keeper.beat, before_claim=keeper.before_claim, note_sent=keeper.note_sent)):
        await _settled(council, {State.SENT})
        await keeper.look()  # as before each claim
        await queue(council, draft(99, now))
        await channel.has_it.wait()
        await fail_over(postgres_url, lacking=30)
        channel.takes_it.set()
        await _settled(council, {State.SENT, State.HELD})
    assert len(channel.sent) == 31


async def test_a_new_connection_to_the_same_database_changes_nothing(council: Runtime, postgres_url: str, now: datetime) -> None:
    keeper, channel = Keeper(council.sessions, council.clock, council.settings.epoch_path), RecordingChannel()
    await queue(council, *(draft(number, now) for number in range(30)))
    async with running(worker(council, channel, beat=keeper.beat, before_claim=keeper.before_claim, note_sent=keeper.note_sent)):
        await _settled(council, {State.SENT})
        await fail_over(postgres_url, lacking=0)
        await _queued(council, draft(31, now))
        await _settled(council, {State.SENT})
    assert len(channel.sent) == 31


async def test_whoever_comes_second_after_a_failover_sends_nothing_either(council: Runtime, postgres_url: str, now: datetime) -> None:
    path = council.settings.epoch_path
    first, second = Keeper(council.sessions, council.clock, path), Keeper(council.sessions, council.clock, path.with_name("of another"))
    await queue(council, draft(1, now))
    await first.beat()
    await second.beat()
    await worker(council, RecordingChannel(), before_claim=first.before_claim, note_sent=first.note_sent).send_due()
    await fail_over(postgres_url, lacking=1)
    await council.sessions.engine.dispose()
    assert await states(council) == [State.QUEUED]  # on a new connection, as a claim would
    assert [await first.look(), await second.look()] == [True, True]
    assert [await first.look(), await second.look()] == [False, False]


async def test_what_was_claimed_before_a_beat_notices_it_is_not_sent_either(council: Runtime, postgres_url: str, now: datetime) -> None:
    keeper = Keeper(council.sessions, council.clock, council.settings.epoch_path)
    await queue(council, draft(1, now))
    await keeper.beat()
    await worker(council, RecordingChannel(), before_claim=keeper.before_claim, note_sent=keeper.note_sent).send_due()
    await fail_over(postgres_url, lacking=1)
    await council.sessions.engine.dispose()
    look = keeper.before_claim()
    assert await states(council) == [State.QUEUED]  # on a new connection, as a claim would
    assert await keeper.beat()  # the next in five seconds, or that of another claim
    assert await look()
    assert not await keeper.before_claim()()


async def test_two_beats_that_notice_it_at_once_leave_one_name(council: Runtime, postgres_url: str, now: datetime) -> None:
    path = council.settings.epoch_path
    first, second = Keeper(council.sessions, council.clock, path), Keeper(council.sessions, council.clock, path)
    await queue(council, draft(1, now))
    await first.beat()
    await second.beat()
    await worker(council, RecordingChannel(), note_sent=first.note_sent).send_due()
    await fail_over(postgres_url, lacking=1)
    await council.sessions.engine.dispose()
    await asyncio.gather(first.beat(), second.beat())
    async with council.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Epoch)) == 1


async def _queued(runtime: Runtime, one: Draft) -> None:
    """Queue one, on whichever connection was not cut off."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await queue(runtime, one)
            except sa.exc.DBAPIError:
                await asyncio.sleep(0.05)


async def _settled(runtime: Runtime, wanted: set[State]) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                if set(await states(runtime)) == wanted:
                    return
            except sa.exc.DBAPIError:  # just cut off
                pass
            await asyncio.sleep(0.05)
