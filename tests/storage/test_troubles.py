"""Troubles: the real errors of real databases become a sentence, and none of them tells what was written."""

import asyncio
import errno
from pathlib import Path

import pytest
import sqlalchemy as sa

from intouch.runtime import Runtime
from intouch.storage import troubles
from intouch.storage.sessions import Sessions, is_storage_failure, open_engine


def _failing(path: Path, *statements: str) -> str | None:
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 0, "isolation_level": None})
    try:
        with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError) as failed:
            for statement in statements:
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()
    return troubles.sentence(failed.value)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    told = _failing(tmp_path / "x", "CREATE TABLE t (a)", "PRAGMA max_page_count=2", "INSERT INTO t VALUES (zeroblob(99999))")
    assert told is not None
    assert told.startswith("The disk is full.")


def test_a_database_in_use_is_told(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'x'}", connect_args={"isolation_level": None})
    with engine.connect() as holder:
        holder.exec_driver_sql("BEGIN IMMEDIATE")
        told = _failing(tmp_path / "x", "BEGIN IMMEDIATE")
    engine.dispose()
    assert told is not None
    assert told.startswith("The database is busy")


def test_a_database_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    told = _failing(tmp_path / "x", "CREATE TABLE t (a)", "PRAGMA query_only=ON", "INSERT INTO t VALUES (1)")
    assert told is not None
    assert "can't be written to" in told


def test_a_mistake_of_ours_is_no_trouble_of_the_database() -> None:
    assert troubles.sentence(ValueError("x")) is None
    assert troubles.sentence(sa.exc.IntegrityError("INSERT", {}, Exception("UNIQUE"))) is None


async def test_what_people_wrote_is_in_no_error(runtime: Runtime) -> None:
    with pytest.raises(sa.exc.DBAPIError) as failed:
        async with runtime.sessions.write() as session:
            await session.execute(sa.text("INSERT INTO nowhere VALUES (:address)"), {"address": "olive@council.example"})
    assert "olive@council.example" not in str(failed.value)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_where_no_file_is_named(number: int) -> None:
    assert (troubles.sentence(OSError(number, "No room")) or "").startswith("The disk is full.")


async def _failed(url: sa.URL, *statements: str) -> BaseException:
    sessions = Sessions(open_engine(url.render_as_string(hide_password=False)))
    try:
        with pytest.raises(sa.exc.DBAPIError) as failed:
            async with sessions.write() as session:
                for statement in statements:
                    await session.execute(sa.text(statement))
    finally:
        await sessions.close()
    return failed.value


async def test_a_connection_that_the_server_ends_is_the_fault_of_the_database(postgres_url: str) -> None:
    error = await _failed(sa.make_url(postgres_url), "SELECT pg_terminate_backend(pg_backend_pid(), 5000)")
    assert is_storage_failure(error)


async def test_a_server_without_room_for_a_connection_is_the_fault_of_the_database(postgres_url: str) -> None:
    url = sa.make_url(postgres_url)
    crowded = f"crowded_{url.database}"
    sessions = Sessions(open_engine(postgres_url))
    async with sessions.write() as session:
        await session.execute(sa.text(f"CREATE ROLE {crowded} LOGIN CONNECTION LIMIT 0"))
    try:
        assert is_storage_failure(await _failed(url.set(username=crowded), "SELECT 1"))
    finally:
        async with sessions.write() as session:
            await session.execute(sa.text(f"DROP ROLE {crowded}"))
        await sessions.close()


async def test_a_server_that_only_lets_read_is_the_fault_of_the_database(postgres_url: str) -> None:
    statement = "SET LOCAL transaction_read_only = on; CREATE TABLE x (a int)"
    error = await _failed(sa.make_url(postgres_url), f"DO $$ BEGIN {statement}; END $$")
    assert is_storage_failure(error)


@pytest.mark.parametrize("limit", ["lock_timeout", "statement_timeout"])
async def test_limits_of_the_database_people_are_the_fault_of_the_database(postgres_url: str, limit: str) -> None:
    sessions = Sessions(open_engine(postgres_url))
    async with sessions.read() as session:
        await session.execute(sa.text("LOCK TABLE leases"))
        error = await _failed(sa.make_url(postgres_url), f"SET LOCAL {limit} = '20ms'", "SELECT 1 FROM leases")
    await sessions.close()
    assert is_storage_failure(error)
    assert "try again" in (troubles.sentence(error) or "")


async def test_two_that_wait_for_each_other_are_the_fault_of_the_database(postgres_url: str) -> None:
    sessions = Sessions(open_engine(postgres_url))

    async def lock(first: int, second: int) -> None:
        async with sessions.write() as session:
            await session.execute(sa.select(sa.func.pg_advisory_xact_lock(first)))
            await asyncio.sleep(0.2)
            await session.execute(sa.select(sa.func.pg_advisory_xact_lock(second)))

    errors = [one for one in await asyncio.gather(lock(1, 2), lock(2, 1), return_exceptions=True) if one]
    await sessions.close()
    assert [is_storage_failure(error) for error in errors] == [True]
    assert "try again" in (troubles.sentence(errors[0]) or "")


async def test_a_mistake_of_ours_is_not_the_fault_of_postgres(postgres_url: str) -> None:
    for statement in ("SELECT no_such_column FROM leases", "SELECT 1 / 0", "SELECT pg_sleep('x')"):
        assert not is_storage_failure(await _failed(sa.make_url(postgres_url), statement))


async def test_a_pooler_that_changes_connections_between_transactions_is_told(postgres_url: str) -> None:
    error = await _failed(sa.make_url(postgres_url), "EXECUTE made_on_another_connection")
    assert "session" in (troubles.sentence(error) or "")
