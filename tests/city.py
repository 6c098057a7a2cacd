"""The demo's city in a SQLite file, made once for all tests and copied by each."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from intouch import settings as settings_module
from intouch.clock import Clock, ShiftedClock
from intouch.demo.seed import seed
from intouch.runtime import build_runtime
from tests import shared


def make(template: Path, folder: Path, clock: Clock) -> None:
    """A copy of the empty ``template`` as city.sqlite3 in ``folder``, seeded at the clock's time."""
    path = folder / "city.sqlite3"
    shutil.copy(template, path)

    async def fill() -> None:
        runtime = build_runtime(settings_module.load(data_dir=folder, database_url=f"sqlite:///{path}"), clock)
        assert await seed(runtime)
        async with runtime.sessions.engine.connect() as connection:
            await connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
        await runtime.sessions.close()

    asyncio.run(fill())


@pytest.fixture(scope="session")
def city_of_today(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The city as a demo that starts now would seed it."""
    return shared.once(tmp_path_factory, "today", lambda folder: make(sqlite_template, folder, ShiftedClock())) / "city.sqlite3"
