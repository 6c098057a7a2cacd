"""Sessions: what one transaction writes is whole, and concurrent ones lose nothing."""

import asyncio
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from intouch.council.models import Officer
from intouch.outbox import leases
from intouch.outbox.models import Lease
from intouch.places.models import Ward
from intouch.runtime import Runtime
from intouch.storage import revision, upgrade
from intouch.storage.columns import Base
from intouch.storage.sessions import Sessions, open_engine


async def _increment(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        # Locks the row on PostgreSQL; on SQLite BEGIN IMMEDIATE has done so already.
        lease = await session.scalar(sa.select(Lease).where(Lease.name == "count").with_for_update())
        assert lease is not None
        lease.holder = str(int(lease.holder) + 1)


async def test_two_hundred_concurrent_increments_keep_two_hundred(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        session.add(Lease(name="count", holder="0", until=now))
    await asyncio.gather(*(_increment(runtime) for _ in range(200)))
    async with runtime.sessions.read() as session:
        assert await session.scalar(sa.select(Lease.holder)) == "200"


async def test_a_write_that_fails_leaves_nothing(runtime: Runtime, now: datetime) -> None:
    with pytest.raises(ZeroDivisionError):
        async with runtime.sessions.write() as session:
            session.add(Lease(name="half", holder="me", until=now))
            await session.flush()
            raise ZeroDivisionError
    async with runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Lease)) == 0


async def test_a_write_inside_a_write_is_refused_instead_of_waiting_for_itself(runtime: Runtime) -> None:
    async with runtime.sessions.write():
        with pytest.raises(RuntimeError, match="already open"):
            async with runtime.sessions.write():
                raise AssertionError("two writing transactions at a time")


async def test_a_naive_datetime_is_refused(runtime: Runtime) -> None:
    with pytest.raises(sa.exc.StatementError, match="naive"):
        async with runtime.sessions.write() as session:
            session.add(Officer(name="A", email="a@example.org", created_at=datetime(2026, 1, 1)))  # noqa: DTZ001
            await session.flush()


async def test_datetimes_come_back_as_utc(runtime: Runtime) -> None:
    moment = datetime(2026, 7, 1, 12, tzinfo=UTC)
    async with runtime.sessions.write() as session:
        session.add(Officer(name="A", email="a@example.org", created_at=moment))
    async with runtime.sessions.read() as session:
        assert await session.scalar(sa.select(Officer.created_at)) == moment


async def test_foreign_keys_are_enforced(runtime: Runtime, now: datetime) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        async with runtime.sessions.write() as session:
            session.add(Ward(code="E1", name="W", area_id=99, valid_from=now.date()))


async def test_models_and_migrations_agree(runtime: Runtime) -> None:
    assert await upgrade.differences(runtime.sessions.engine, Base.metadata) == []


def test_the_revisions_told_by_file_names_are_those_of_the_migrations() -> None:
    scripts = ScriptDirectory.from_config(upgrade.config())
    assert revision.newest() == scripts.get_current_head()
    assert set(revision.known()) == {script.revision for script in scripts.walk_revisions()}


async def test_upgrading_twice_changes_nothing(runtime: Runtime) -> None:
    await upgrade.upgrade(runtime.sessions.engine)
    assert await revision.current(runtime.sessions.engine) == revision.newest()


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
async def test_the_level_that_a_database_is_set_to_makes_nobody_fail(postgres_url: str, now: datetime, level: str) -> None:
    """What others committed while one waited for them is seen, and written on top of."""
    name = sa.make_url(postgres_url).database
    sessions = Sessions(open_engine(postgres_url))
    async with sessions.write() as session:
        await session.execute(sa.text(f"ALTER DATABASE {name} SET default_transaction_isolation = '{level}'"))
    await sessions.close()

    async def take(holder: str) -> bool:
        async with sessions.write() as session:
            return await leases.take(session, "the poller", holder=holder, seconds=60, now=now)

    try:
        taken = await asyncio.gather(*(take(f"process {number}") for number in range(10)))
    finally:
        async with sessions.write() as session:
            await session.execute(sa.text(f"ALTER DATABASE {name} RESET default_transaction_isolation"))
        await sessions.close()
    assert taken.count(True) == 1
