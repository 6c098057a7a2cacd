"""Sessions: opening the database, and the one way to begin a reading or a writing transaction."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from intouch.storage import inline_sqlite, one_hop, troubles
from intouch.storage.own_file import OwnFile
from intouch.storage.writer_thread import WriterThread

T = TypeVar("T")

ANSWERS_WITHIN = 30.0  # seconds; a claim or an outcome takes some milliseconds

# Set while this task writes: a second transaction would wait for the first for ever.
writing: ContextVar[bool] = ContextVar("writing", default=False)


def driver_url(url: str) -> sa.URL:
    """The URL with our drivers in it: aiosqlite for SQLite, asyncpg for PostgreSQL however it is spelled."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return parsed.set(drivername=one_hop.NAME)
    if parsed.drivername.split("+")[0] in ("postgres", "postgresql"):
        return parsed.set(drivername="postgresql+asyncpg")
    raise ValueError(f"{parsed.drivername} is not a database In Touch knows; use sqlite:/// or postgresql://")


def open_engine(url: str) -> AsyncEngine:
    """An engine for SQLite (WAL, busy timeout, foreign keys, our own BEGIN) or PostgreSQL."""
    parsed = driver_url(url)
    # Parameters are what people wrote and where they can be reached: they stay out of errors, and so out of the log.
    if parsed.get_backend_name() != "sqlite":
        engine = create_async_engine(parsed, pool_size=10, max_overflow=10, pool_pre_ping=True, hide_parameters=True)
        sa.event.listen(engine.sync_engine, "connect", _prepare_postgres)
        return engine
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # people's data: for its owner only
    engine = create_async_engine(parsed, connect_args={"timeout": 30, "isolation_level": None}, hide_parameters=True)
    sa.event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    sa.event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


# Milliseconds, seconds and a number of tries: a line on which nothing comes back is given up after half a minute, at work or at rest.
_TCP = {"TCP_USER_TIMEOUT": 30_000, "TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}


def _prepare_postgres(connection: Any, _record: Any) -> None:
    connection.run_async(_give_up_in_time)
    # A machine that was cut off, or a process that was stopped, while it wrote would hold its rows until TCP gives it up, for two
    # hours as a rule. As long as a delivery's lease; no parameter of the connection, for PgBouncer refuses those that it doesn't know.
    # Whoever has waited for a lock must see what was committed meanwhile, whatever a database is set to for other programs.
    settings = "SET idle_in_transaction_session_timeout = '45s'; SET default_transaction_isolation = 'read committed'"
    connection.run_async(lambda raw: raw.execute(settings))


async def _give_up_in_time(raw: Any) -> None:
    """Without it TCP tries again for a quarter of an hour, and waits for an answer for ever."""
    line = raw._transport.get_extra_info("socket")
    if line.family in (socket.AF_INET, socket.AF_INET6):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _TCP.items():
            if option := getattr(socket, name, None):  # not every system has each of them
                line.setsockopt(socket.IPPROTO_TCP, option, value)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_inline(connection: Any, record: Any) -> None:
    _prepare_sqlite(connection, record)
    # What the bot and the sender ask lies together in a few pages, and other people's commits empty the cache anyway.
    connection.execute("PRAGMA cache_size=-500")  # KB instead of 2,000, for each of up to six connections
    # What a statement could have to take back: beyond 64 KB it went to a file that was made and deleted for each batch.
    connection.execute("PRAGMA temp_store=MEMORY")


def _begin_sqlite(connection: sa.Connection) -> None:
    # Without IMMEDIATE two writers read the same row, and the second overwrites the first in silence.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class Sessions:
    """Hands out sessions: ``read()`` never commits, ``write()`` commits when its block ends without an error."""

    def __init__(self, engine: AsyncEngine, *, answers_within: float = ANSWERS_WITHIN) -> None:
        """``answers_within``: seconds, for ``in_time``; else than usual only in tests."""
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        # SQLite is a file: its work can't be abandoned half-way, and there is no line that could be broken.
        self._answers_within = None if self.is_sqlite else answers_within
        self.lines = 0  # how many connections to PostgreSQL were opened so far: behind a new one may be another server
        if not self.is_sqlite:
            sa.event.listen(engine.sync_engine, "connect", self._count_line)
        self._reader = async_sessionmaker(engine, expire_on_commit=False)
        self.writing_engine = engine.execution_options(writes=True)
        self._writer = async_sessionmaker(self.writing_engine, expire_on_commit=False)
        # SQLite has one writer at a time: waiting here in turn is fair and cheap, polling the file lock is neither.
        self._turn = asyncio.Lock() if self.is_sqlite else None
        self._thread: WriterThread | None = None
        self._glances: AsyncEngine | None = None
        self._file = OwnFile(Path(str(engine.url.database))) if self._has_file else None
        if self._file is not None:
            self._file.guard(engine.sync_engine)

    def look_at_file(self) -> bool:
        """To be called now and then: False while SQLite's file is gone; ``InTouchError`` when it was replaced under this process."""
        return self._file is None or self._file.look()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        async with self._reader() as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        if writing.get():
            raise RuntimeError("a writing transaction is already open in this task")
        token = writing.set(True)
        try:
            async with self.turn(), self._writer() as session, session.begin():
                yield session
        finally:
            writing.reset(token)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """This process's turn to write; on PostgreSQL it is always everybody's."""
        if self._turn is None:
            yield
        else:
            async with self._turn:
                yield

    def in_time(self) -> asyncio.Timeout:
        """Around short work that others wait for: ``TimeoutError`` when PostgreSQL says nothing for so long, though TCP sees no fault."""
        return asyncio.timeout(self._answers_within)

    async def transact(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """What ``work`` gives, committed; it is done in the writer's thread on SQLite, so it only reads and writes its session."""
        if writing.get():
            raise RuntimeError("a writing transaction is already open in this task")
        async with self.turn():
            return await self.in_writer(lambda engine: _committed(engine, work))

    async def in_writer(self, work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
        """``work`` with the engine that writes; the caller has the turn."""
        if not self._has_file:
            return await work(self.writing_engine)
        if self._thread is None:
            self._thread = WriterThread(lambda: self._open_inline().execution_options(writes=True))
        return await self._thread.run(work)

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[AsyncSession]:
        """As ``read``, for what an index answers in a moment: SQLite is asked where we stand, and nothing else runs meanwhile."""
        if not self._has_file:
            async with self.read() as session:
                yield session
            return
        if self._glances is None:
            self._glances = self._open_inline(connections=5)
        async with AsyncSession(self._glances, expire_on_commit=False) as session:
            yield session

    def _count_line(self, _connection: Any, _record: Any) -> None:
        self.lines += 1

    @property
    def _has_file(self) -> bool:
        return self.is_sqlite and self.engine.url.database not in (None, "", ":memory:")

    def _open_inline(self, connections: int = 1) -> AsyncEngine:
        engine = inline_sqlite.open_inline(self.engine.url, prepare=_prepare_inline, begin=_begin_sqlite, connections=connections)
        if self._file is not None:
            self._file.guard(engine.sync_engine)
        return engine

    async def close(self) -> None:
        if self._file is not None and self._file.is_replaced:
            await self._empty_wal()
        if self._thread is not None:
            await self._thread.close()
            self._thread = None
        if self._glances is not None:
            await self._glances.dispose()
        await self.engine.dispose()

    async def _empty_wal(self) -> None:
        """SQLite leaves the ``-wal`` of a file that was moved, and would play it into the one that is there now."""
        for emptied in (self.in_writer(_checkpointed), _checkpointed(self.writing_engine)):
            with contextlib.suppress(sa.exc.DBAPIError):  # one of them has a connection, if anything was written
                await emptied


async def _checkpointed(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.exec_driver_sql("COMMIT")  # which has begun by itself, and lets nothing be moved
        await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


async def _committed(engine: AsyncEngine, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    token = writing.set(True)
    try:
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            return await work(session)
    finally:
        writing.reset(token)


def is_storage_failure(error: BaseException) -> bool:
    """Whether the database itself failed (disk full, locked, gone) rather than our statement being wrong."""
    failures = (sa.exc.OperationalError, sa.exc.InterfaceError, sqlite3.OperationalError, OSError)
    return troubles.will_pass(error) or troubles.took_too_long(error) or isinstance(error, failures)
