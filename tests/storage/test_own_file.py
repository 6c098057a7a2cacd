"""Another file that is put where SQLite's was, under a running process, gets nothing of what the process had to write."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from intouch.errors import InTouchError
from intouch.storage import troubles
from intouch.storage.own_file import OwnFile
from intouch.storage.sessions import Sessions, open_engine


@pytest.fixture
def database(sqlite_url: str) -> Path:
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
async def sessions(sqlite_url: str) -> AsyncIterator[Sessions]:
    opened = Sessions(open_engine(sqlite_url))
    await write(opened, "before")
    yield opened
    await opened.close()


async def write(sessions: Sessions, name: str) -> None:
    await sessions.transact(lambda session: session.execute(_TICK, {"name": name}))


_TICK = sa.text("INSERT INTO ticks (name, late_ms, at) VALUES (:name, 0, '2026-11-18')")


def names(database: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [row[0] for row in connection.execute("SELECT name FROM ticks ORDER BY name")]


def a_copy(database: Path) -> Path:
    copy = database.with_name("copy.sqlite3")
    with contextlib.closing(sqlite3.connect(database)) as source, contextlib.closing(sqlite3.connect(copy)) as into:
        source.backup(into)
    return copy


async def test_a_copy_that_is_moved_over_the_file_is_noticed_and_stays_as_it_was(database: Path, sessions: Sessions) -> None:
    copy = a_copy(database)
    for number in range(40):  # its -wal is played into nothing but its own file
        await write(sessions, f"after {number}")
    os.replace(copy, database)
    with pytest.raises(InTouchError, match="Start In Touch again"):
        sessions.look_at_file()
    with pytest.raises(sa.exc.OperationalError) as refused:
        async with sessions.write() as session:
            await session.execute(_TICK, {"name": "on a new connection"})
    assert troubles.will_pass(refused.value)
    await sessions.close()
    assert names(database) == ["before"]


async def test_a_file_that_is_gone_is_waited_for_and_no_other_is_made(database: Path, sessions: Sessions) -> None:
    aside = database.with_name("aside.sqlite3")
    shutil.move(database, aside)
    assert not sessions.look_at_file()
    with pytest.raises(sa.exc.OperationalError):
        async with sessions.read() as session:
            await session.execute(sa.text("SELECT 1"))
    assert not database.exists()
    shutil.move(aside, database)
    assert sessions.look_at_file()
    await write(sessions, "later")
    await sessions.close()
    assert names(database) == ["before", "later"]


async def test_the_first_connection_may_make_the_file(tmp_path: Path) -> None:
    file = OwnFile(tmp_path / "new.sqlite3")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'new.sqlite3'}")
    file.guard(engine)
    for _ in range(2):
        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS t (a)")
        engine.dispose()
    assert file.look()
