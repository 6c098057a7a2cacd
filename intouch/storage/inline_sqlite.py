"""Inline SQLite: SQLAlchemy's asyncio on the plain sqlite3 module, for a thread that has nothing else to do than wait for it.

aiosqlite hands each step of a statement (cursor, execute, fetch, close) to a thread of its own and back. In a thread that is there
for one transaction at a time that buys nothing, and costs more than the statements themselves.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_only


async def _nothing() -> None:
    """What a statement waits for here. SQLAlchemy takes a driver that never waits for one that blocks by mistake."""


class InlineCursor(sqlite3.Cursor):
    """A cursor whose rows are at hand: SQLAlchemy need not wait to let go of it."""

    async def _async_soft_close(self) -> None:
        return


class InlineConnection(sqlite3.Connection):
    """A connection that hands out such cursors."""

    def cursor(self, factory: Any = InlineCursor) -> Any:
        return super().cursor(factory)


class InlineDialect(SQLiteDialect_pysqlite):
    """sqlite3, called where it stands: each statement is done when its call returns."""

    driver = "inline"
    is_async = True
    supports_statement_cache = True

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        await_only(_nothing())
        super().do_execute(cursor, statement, parameters, context)  # type: ignore[no-untyped-call]

    def do_executemany(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        await_only(_nothing())
        super().do_executemany(cursor, statement, parameters, context)  # type: ignore[no-untyped-call]

    @classmethod
    def get_pool_class(cls, url: sa.URL) -> type[sa.pool.Pool]:
        return sa.pool.AsyncAdaptedQueuePool


registry.register("sqlite.inline", __name__, "InlineDialect")


def open_inline(url: sa.URL, *, prepare: Any, begin: Any, connections: int) -> AsyncEngine:
    """An engine of so many connections on the same file as ``url``."""
    arguments = {"timeout": 30, "isolation_level": None, "check_same_thread": False, "factory": InlineConnection}
    engine = create_async_engine(
        url.set(drivername="sqlite+inline"), pool_size=connections, max_overflow=0, connect_args=arguments, hide_parameters=True
    )
    sa.event.listen(engine.sync_engine, "connect", prepare)
    sa.event.listen(engine.sync_engine, "begin", begin)
    return engine
