"""The index of what was tried more than once: it answers for progress and metrics, and a message sent at once never touches it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.channels import outcomes
from intouch.outbox import progress
from intouch.outbox.models import Delivery, State
from intouch.runtime import Runtime
from tests.outbox.outboxes import RecordingChannel, draft, queue, rows, worker

INDEX = "ix_deliveries_retried"
MANY = 3000


async def page(runtime: Runtime) -> bytes:
    """Where the index begins in the database's file: whatever was ever put into it has left its marks there."""
    async with runtime.sessions.engine.connect() as connection:
        root = (await connection.execute(sa.text(f"SELECT rootpage FROM sqlite_master WHERE name = '{INDEX}'"))).scalar_one()
        size = (await connection.execute(sa.text("PRAGMA page_size"))).scalar_one()
        await connection.rollback()
        await (await connection.get_raw_connection()).driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    file = Path(str(runtime.sessions.engine.url.database)).read_bytes()
    return file[(root - 1) * size : root * size]


async def extent(runtime: Runtime) -> object:
    if runtime.sessions.is_sqlite:
        return await page(runtime)
    async with runtime.sessions.read() as session:
        return await session.scalar(sa.text(f"SELECT pg_relation_size('{INDEX}')"))


async def test_what_is_sent_at_the_first_try_never_touches_it(runtime: Runtime, now: datetime) -> None:
    if not runtime.sessions.is_sqlite:  # PostgreSQL gives an index its first leaf with its first row, which may be another test's
        async with runtime.sessions.write() as session:
            await session.execute(sa.text(f"REINDEX INDEX {INDEX}"))
    untouched = await extent(runtime)
    await queue(runtime, *(draft(number, now) for number in range(300)))
    await worker(runtime, RecordingChannel()).send_due()
    assert {(row.state, row.tries) for row in await rows(runtime)} == {(State.SENT, 1)}
    assert await extent(runtime) == untouched
    answers = iter([outcomes.retry("451", after=0.0), outcomes.sent("p")])
    await queue(runtime, draft(1000, now))
    for _ in range(2):
        await worker(runtime, RecordingChannel(lambda _: next(answers))).send_due()
    assert await extent(runtime) != untouched


async def plan(session: AsyncSession, *of: sa.ColumnElement[bool]) -> str:
    """How the database answers what progress asks it."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    asked = progress.retried_of(*of).compile(session.get_bind(), compile_kwargs={"literal_binds": True})
    found = await session.execute(sa.text(f"EXPLAIN {'QUERY PLAN ' if is_sqlite else ''}{asked}".replace(":", "\\:")))
    return "\n".join(str(row) for row in found)


async def test_it_answers_for_some_batches_and_for_all(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now, batch=f"edition:{number % 3}") for number in range(MANY)))
    async with runtime.sessions.write() as session:
        again = sa.update(Delivery).where(Delivery.address.in_(["1", "2", "4"])).values(tries=2, state=State.SENT)
        await session.execute(sa.update(Delivery).values(tries=1, state=State.SENT))
        await session.execute(again)
        await session.execute(sa.text("ANALYZE deliveries"))
        two = Delivery.batch.in_(["edition:1", "edition:0"])
        assert (await progress.retried(session, two), await progress.retried(session)) == (2, 3)
        for asked in (await plan(session, two), await plan(session)):
            assert INDEX in asked and "Seq Scan" not in asked, asked
