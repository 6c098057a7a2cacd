"""The demo's city in a SQLite file, made once for the tests of a process and copied by each."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from intouch import app
from intouch import settings as settings_module
from intouch.clock import Clock, ShiftedClock
from intouch.demo.seed import seed


def make(template: Path, path: Path, clock: Clock) -> Path:
    """A copy of the empty ``template`` at ``path``, seeded at the clock's time."""
    shutil.copy(template, path)

    async def fill() -> None:
        runtime = app.build_runtime(settings_module.load(data_dir=path.parent, database_url=f"sqlite:///{path}"), clock)
        assert await seed(runtime)
        async with runtime.sessions.engine.connect() as connection:
            await connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
        await runtime.sessions.close()

    asyncio.run(fill())
    return path


@pytest.fixture(scope="session")
def city_of_today(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The city as a demo that starts now would seed it."""
    return make(sqlite_template, tmp_path_factory.mktemp("today") / "city.sqlite3", ShiftedClock())
