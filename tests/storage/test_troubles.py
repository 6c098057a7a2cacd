"""Troubles: the real errors of real databases become a sentence, and none of them tells what was written."""

import errno
from pathlib import Path

import pytest
import sqlalchemy as sa

from intouch.runtime import Runtime
from intouch.storage import troubles


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
