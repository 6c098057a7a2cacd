"""Who did not get it, sending again or letting be, and how far it has come."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st

from intouch.channels import outcomes
from intouch.channels.outcomes import Envelope, Outcome
from intouch.outbox import addresses, holds, listing, progress, retrying
from intouch.outbox.listing import Wanted
from intouch.outbox.models import Road, Stand, State
from intouch.outbox.progress import Progress, Speed
from intouch.outbox.retrying import Retried
from intouch.runtime import Runtime
from tests.conftest import ON_ONE_DATABASE
from tests.outbox.outboxes import RecordingChannel, draft, queue, rows, states, worker

OPEN = Wanted(states=[State.FAILED, State.UNKNOWN])


def answer(envelope: Envelope) -> Outcome:
    """Chats 1 to 3 end otherwise than well."""
    ends = {"1": outcomes.failed("too long"), "2": outcomes.unknown("no answer"), "3": outcomes.dead("blocked")}
    return ends.get(envelope.address, outcomes.sent("p"))


async def outbox(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now) for number in range(1, 7)), draft(2000, now, batch="test:2", address="2"))
    await worker(runtime, RecordingChannel(answer)).send_due()


async def listed(runtime: Runtime, wanted: Wanted, most: int | None = None) -> list[tuple[str, str, str | None]]:
    async with runtime.sessions.read() as session:
        return [(one.address, one.state, one.error) async for one in listing.walk(session, wanted, most=most)]


async def test_who_did_not_get_it_is_listed_with_the_reason(runtime: Runtime, now: datetime) -> None:
    await outbox(runtime, now)
    of_batch = Wanted(batches=["test:1"], states=[State.FAILED, State.UNKNOWN])
    assert await listed(runtime, of_batch) == [("1", "failed", "too long"), ("2", "unknown", "no answer"), ("3", "failed", "blocked")]
    assert len(await listed(runtime, OPEN)) == 4
    assert len(await listed(runtime, Wanted())) == 7
    assert len(await listed(runtime, Wanted(), most=2)) == 2
    assert await listed(runtime, Wanted(batches=["test:9"])) == []
    async with runtime.sessions.read() as session:
        assert await listing.count(session, of_batch) == {State.FAILED: 2, State.UNKNOWN: 1}
        assert await listing.unknown_by_batch(session) == [("test:1", 1), ("test:2", 1)]


async def test_a_long_list_is_walked_in_pages(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now) for number in range(2500)))
    assert len(await listed(runtime, Wanted(batches=["test:1"]))) == 2500
    assert len(await listed(runtime, Wanted(), most=1700)) == 1700


@ON_ONE_DATABASE
async def test_a_long_list_is_looked_for_once_and_not_for_each_page(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now) for number in range(2500)))
    asked: list[tuple[str, Any]] = []
    engine = runtime.sessions.engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", lambda *of: asked.append((of[2], of[3])))
    assert len(await listed(runtime, Wanted(states=[State.QUEUED]))) == 2500
    statements = [one for one in asked if "FROM deliveries" in one[0]]
    async with runtime.sessions.engine.connect() as connection:
        plans = [str((await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asks}", of)).all()) for asks, of in statements]
    assert sum("ix_deliveries" in plan for plan in plans) == 1 and len(plans) == 4, plans


async def test_what_a_sender_took_meanwhile_is_not_listed_as_waiting(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now) for number in range(1200)))
    async with runtime.sessions.read() as session:
        walk = listing.walk(session, Wanted(states=[State.QUEUED]))
        assert len([await anext(walk) for _ in range(1000)]) == 1000
        await worker(runtime, RecordingChannel()).send_due()
        # A reading transaction of SQLite goes on seeing what was there when it began.
        assert len([one async for one in walk]) == (200 if runtime.sessions.is_sqlite else 0)


async def test_a_retry_queues_each_once_more_and_leaves_out_addresses_that_are_gone(runtime: Runtime, now: datetime) -> None:
    await outbox(runtime, now)
    wanted = Wanted(batches=["test:1"])
    for expected in (Retried(2, 1), Retried(0, 1)):
        async with runtime.sessions.write() as session:
            assert await retrying.retry(session, wanted, now=now) == expected
    channel = RecordingChannel()
    await worker(runtime, channel).send_due()
    assert sorted(channel.sent) == ["1", "2"]
    assert [row.state for row in await rows(runtime)][:3] == [State.SENT, State.SENT, State.FAILED]
    assert [row.tries for row in await rows(runtime)][:3] == [2, 2, 1]


async def test_nothing_of_a_cancelled_batch_is_queued_again(runtime: Runtime, now: datetime) -> None:
    await outbox(runtime, now)
    async with runtime.sessions.write() as session:
        await holds.order(session, ["test:1"], Stand.CANCELLED, by="Olive", now=now)
        assert await retrying.retry(session, Wanted(), now=now) == Retried(1, 0, 3)
    assert len(await listed(runtime, OPEN)) == 3


async def test_an_email_address_that_is_gone_however_it_is_spelled_is_not_tried_again(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now, road=Road.EMAIL, address="Grace@Roker.example "))
    await worker(runtime, RecordingChannel(lambda _: outcomes.failed("no")), road=Road.EMAIL).send_due()
    async with runtime.sessions.write() as session:
        await addresses.mark_dead(session, Road.EMAIL, "grace@roker.example", reason="550", now=now)
        assert await retrying.retry(session, Wanted(), now=now) == Retried(0, 1)


async def test_letting_be_and_dropping_take_what_they_name_and_no_more(runtime: Runtime, now: datetime) -> None:
    await outbox(runtime, now)
    await queue(runtime, draft(7, now))
    for expected in (1, 0):
        async with runtime.sessions.write() as session:
            assert await retrying.let_be(session, Wanted(batches=["test:1"]), by="Olive", now=now) == expected
            assert await retrying.drop(session, Wanted(), by="Olive", now=now) == expected
    assert await listed(runtime, OPEN) == [("1", "failed", "too long"), ("3", "failed", "blocked"), ("2", "unknown", "no answer")]
    cancelled = [row.error for row in await rows(runtime) if row.state is State.CANCELLED]
    assert cancelled == ["may have arrived; let be by Olive", "dropped by Olive"]
    async with runtime.sessions.write() as session:
        number = (await rows(runtime))[0].id
        assert await retrying.retry(session, Wanted(numbers=[number], states=[State.UNKNOWN]), now=now) == Retried()
        assert await retrying.retry(session, Wanted(numbers=[number]), now=now) == Retried(1, 0)


async def test_progress_counts_what_is_sent_refused_retried_and_left(runtime: Runtime, now: datetime) -> None:
    await outbox(runtime, now)
    await queue(runtime, *(draft(number, now) for number in range(10, 15)))
    await worker(runtime, RecordingChannel(lambda _: outcomes.retry("429", after=60.0))).send_due()
    await queue(runtime, draft(20, now))
    async with runtime.sessions.read() as session:
        found = await progress.measure(session, ["test:1"])
        assert found == Progress(total=12, sent=3, refused=2, unknown=1, left=6)
        assert (found.done, found.is_over) == (6, False)
        assert now < (await progress.next_due(session, ["test:1"]) or now) + timedelta(seconds=1) < now + timedelta(seconds=5)
        assert (await progress.measure(session, ["test:9"])).is_over
        assert await progress.next_due(session, ["test:9"]) is None
    assert State.QUEUED in await states(runtime)


async def test_what_was_tried_more_than_once_is_counted_to_the_end(runtime: Runtime, now: datetime) -> None:
    await outbox(runtime, now)
    await queue(runtime, *(draft(number, now) for number in range(10, 15)))
    answers = iter([*[outcomes.retry("451", after=0.0)] * 5, *[outcomes.sent("p")] * 3, outcomes.failed("550"), outcomes.retry("451")])
    for _ in range(2):
        await worker(runtime, RecordingChannel(lambda _: next(answers))).send_due()
    async with runtime.sessions.write() as session:
        found = await progress.measure(session, ["test:1", "test:2"])
        assert (found.retried, found.sent, found.left) == (5, 6, 1)
        await retrying.retry(session, Wanted(batches=["test:1"]), now=now)  # what an officer sends again is tried again
    await worker(runtime, RecordingChannel()).send_due()
    async with runtime.sessions.read() as session:
        assert (await progress.measure(session, ["test:1"])).retried == await progress.retried(session) == 7


def test_speed_and_what_is_left_follow_from_what_was_done() -> None:
    speed = Speed()
    speed.note(0, 100.0)
    assert speed.remaining(10) is None
    speed.note(500, 101.0)
    assert speed.rate == 500 and speed.remaining(1000) == 2.0
    for second in range(60):
        speed.note(500, 102.0 + second)
    assert speed.rate < 5


@given(st.lists(st.tuples(st.integers(0, 10**7), st.floats(0, 10**6)), max_size=30), st.integers(0, 10**7))
@example([(0, 0.0), (4, 2.2250738585072014e-308), (0, 1.0)], 0)
def test_a_speed_is_never_negative_whatever_the_clock_and_the_counts_do(notes: list[tuple[int, float]], left: int) -> None:
    speed = Speed()
    for done, at in notes:
        speed.note(done, at)
    remaining = speed.remaining(left)
    assert speed.rate >= 0 and (remaining is None or remaining >= 0)
