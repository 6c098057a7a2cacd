"""Fixtures for every test: a fresh database of each kind, a runtime on it, and a clock that can be set."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import hypothesis
import pytest
import sqlalchemy as sa
import structlog
import uvloop
from pydantic import SecretStr

from intouch import app
from intouch import settings as settings_module
from intouch.clock import ShiftedClock
from intouch.runtime import Runtime
from intouch.settings import Settings
from intouch.storage import revision, sessions, upgrade
from intouch.storage.columns import Base
from tests import shared, statements
from tests.chromium import chromium
from tools.draft_migration import import_models

__all__ = ["chromium"]

# Without this a fault that a test provokes on purpose is drawn as a page of frames and local variables, slowly.
_PLAIN = [
    structlog.processors.add_log_level,
    structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
]
structlog.configure(processors=_PLAIN)

statements.share()
import_models()  # a table that a test leaves out may still be the parent of one that it uses

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)  # a Wednesday
# For what is decided on the wire, before any database is asked: the same over each of them.
ON_ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LARGE_DATABASE = 60_000_000  # bytes; what was deleted takes room until it is vacuumed, so a larger one is thrown away


# A gate says the same twice, and a busy machine is not slow code; `make explore` looks for examples that nobody has thought of.
_PATIENT = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("gate", _PATIENT, derandomize=True)
hypothesis.settings.register_profile("explore", _PATIENT, max_examples=1500)
hypothesis.settings.load_profile("gate")


# What the modules make stays to the end: the garbage collector need not look at it, neither while they load nor after every few tests.
gc.disable()


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tests run on the loop of `intouch run`."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


def _forget_the_machine(patch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("INTOUCH_") and not name.startswith("INTOUCH_TEST_")]:
        patch.delenv(name)


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _forget_the_machine(monkeypatch)
    (tmp_path / "intouch.toml").touch()
    monkeypatch.setenv("INTOUCH_SETTINGS", str(tmp_path / "intouch.toml"))
    monkeypatch.setenv("INTOUCH_EPOCH_FILE", str(tmp_path / "epoch.json"))


@pytest.fixture(autouse=True)
def _no_logging_of_another_test() -> Iterator[None]:
    """A command that a test ran in this process has set up logging for itself; the next test begins without that."""
    yield
    structlog.reset_defaults()
    structlog.configure(processors=_PLAIN)
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    for handler in [handler for handler in root.handlers if handler.__class__.__module__ == "intouch.logs"]:
        root.removeHandler(handler)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock(NOW)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An upgraded, empty SQLite file that each test copies."""

    async def upgraded(path: Path) -> None:
        engine = sessions.open_engine(f"sqlite:///{path}")
        await upgrade.upgrade(engine)
        async with engine.connect() as connection:
            await connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
        await engine.dispose()

    made = shared.once(tmp_path_factory, "template", lambda folder: asyncio.run(upgraded(folder / "empty.sqlite3")))
    return made / "empty.sqlite3"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.URL]:
    """A PostgreSQL server: the one INTOUCH_TEST_POSTGRES_URL names, or an embedded one of this run."""
    if url := os.environ.get("INTOUCH_TEST_POSTGRES_URL"):
        yield sa.make_url(url)
        return
    with shared.postgres(tmp_path_factory) as url:
        yield sa.make_url(url)


async def _administer(server: sa.URL, *statements: str) -> None:
    # Not through SQLAlchemy: a new engine asks the server a dozen questions first, and this is done for each test.
    connection = await asyncpg.connect(server.set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: sa.URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of an upgraded, empty database that each test copies."""
    is_ours = postgres_server.host is None  # it goes with the run; on anybody else's server each process tidies its own away
    name = "intouch_template" if is_ours else f"intouch_template_{uuid.uuid4().hex[:10]}"

    async def make() -> None:
        with contextlib.suppress(asyncpg.DuplicateDatabaseError):
            await _administer(postgres_server, f"CREATE DATABASE {name}")
            engine = sessions.open_engine(postgres_server.set(database=name).render_as_string(hide_password=False))
            await upgrade.upgrade(engine)
            await engine.dispose()

    with shared.one_at_a_time(tmp_path_factory, "postgres-template"):
        asyncio.run(make())
    yield name
    if not is_ours:
        asyncio.run(_administer(postgres_server, f"DROP DATABASE {name}"))


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a fresh, upgraded SQLite file."""
    path = tmp_path / "intouch.sqlite3"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def spare_databases() -> list[str]:
    """Databases that a test has left and that are empty again: emptying one takes a tenth of making one."""
    return []


@pytest.fixture
async def postgres_url(postgres_server: sa.URL, postgres_template: str, spare_databases: list[str]) -> AsyncIterator[str]:
    """The URL of an empty, upgraded PostgreSQL database."""
    if spare_databases:
        name = spare_databases.pop()
    else:
        name = f"intouch_{uuid.uuid4().hex[:16]}"
        await _administer(postgres_server, f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    yield postgres_server.set(database=name).render_as_string(hide_password=False)
    if await _emptied(postgres_server.set(database=name)):
        spare_databases.append(name)
    else:
        await _administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


async def _emptied(database: sa.URL) -> bool:
    """Empty every table that a test filled and begin every number anew; False where the test changed the tables themselves."""
    connection = await asyncpg.connect(database.set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        tables = {row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
        if tables != {*Base.metadata.tables, "alembic_version"}:
            return False
        if await connection.fetchval("SELECT version_num FROM alembic_version") != revision.newest():
            return False
        if await connection.fetchval("SELECT pg_database_size(current_database())") > LARGE_DATABASE:
            return False
        written = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0"
        used = [row[0] for row in await connection.fetch(written) if row[0] != "alembic_version"]
        if used:
            # Several times as fast as TRUNCATE, which makes new files; without foreign keys' triggers the order is free.
            deletions = ";".join(f"DELETE FROM {table}" for table in used)
            await connection.execute(f"SET session_replication_role = replica; {deletions}; SET session_replication_role = origin")
            # Else rows would settle in the gaps of those before them, and come back in an order that no fresh database has.
            await connection.execute(f"VACUUM {', '.join(used)}")
        await connection.execute(
            "SELECT setval(format('%I.%I', schemaname, sequencename), start_value, false) "
            "FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"
        )
        return True
    except asyncpg.PostgresError:
        return False
    finally:
        await connection.close()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh database: each test that uses it, or what stands on it, runs on both kinds."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="session")
def settings_of_a_council(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """What a council would write, read and checked once; whose they are is added in each test."""
    with pytest.MonkeyPatch.context() as patch:
        _forget_the_machine(patch)
        patch.setenv("INTOUCH_SETTINGS", os.devnull)
        return settings_module.load(
            data_dir=tmp_path_factory.getbasetemp() / "nowhere",
            epoch_file=tmp_path_factory.getbasetemp() / "nowhere" / "epoch.json",
            secret_key="a-key-for-tests",
            council_name="Sunderland City Council",
            council_address="City Hall, Plater Way, Sunderland",
        )


@pytest.fixture
def settings(settings_of_a_council: Settings, database_url: str, tmp_path: Path) -> Settings:
    own = {"data_dir": tmp_path / "data", "database_url": SecretStr(database_url), "epoch_file": tmp_path / "epoch.json"}
    return settings_of_a_council.model_copy(update=own)


@pytest.fixture
async def runtime(settings: Settings, clock: ShiftedClock) -> AsyncIterator[Runtime]:
    """A runtime on a fresh database, as ``app`` would build it."""
    opened = app.build_runtime(settings, clock)
    yield opened
    await opened.sessions.close()
