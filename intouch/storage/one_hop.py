"""One hop: a statement on SQLite visits its connection's thread once.

SQLAlchemy goes there four times for each: for a cursor, to execute, to fetch and to close. Going there and back costs many times what
SQLite itself does. Everything else stays: the driver, its thread, and that other tasks go on while a statement is under way.
"""

from __future__ import annotations

import collections
import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
    SQLiteDialect_aiosqlite,
)
from sqlalchemy.util import immutabledict

NAME = "sqlite+onehop"


class _Done(NamedTuple):
    """What is left of a cursor when its statement is done."""

    description: Any = None
    rowcount: int = -1
    lastrowid: int | None = None
    rows: Sequence[Any] = ()


def _do(connection: sqlite3.Connection, method: str, statement: str, parameters: Any) -> _Done:
    cursor = connection.cursor()
    try:
        getattr(cursor, method)(statement, parameters)
        rows = cursor.fetchall() if cursor.description else ()
        return _Done(cursor.description, cursor.rowcount, cursor.lastrowid, rows)
    finally:
        cursor.close()


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """Has nothing open: each statement is done as a whole."""

    __slots__ = ()

    def __init__(self, adapt_connection: AsyncAdapt_aiosqlite_connection) -> None:
        self._adapt_connection = adapt_connection
        self._connection = adapt_connection._connection
        self._cursor = _Done()  # type: ignore[assignment]
        self._soft_closed_memoized = immutabledict()
        self._rows = collections.deque()

    async def _execute_async(self, operation: Any, parameters: Any) -> Any:
        await self._whole("execute", operation, () if parameters is None else parameters)

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> Any:
        await self._whole("executemany", operation, seq_of_parameters)

    async def _whole(self, method: str, operation: str, parameters: Any) -> None:
        async with self._adapt_connection._execute_mutex:
            driver: Any = self._connection
            done = await driver._execute(_do, driver._conn, method, operation, parameters)
            self._cursor, self._rows = done, collections.deque(done.rows)

    async def _async_soft_close(self) -> None:
        return

    def close(self) -> None:
        self._rows.clear()


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ()
    _cursor_cls = _Cursor  # type: ignore[assignment]


class _Driver(AsyncAdapt_aiosqlite_dbapi):
    def connect(self, *args: Any, **named: Any) -> AsyncAdapt_aiosqlite_connection:
        return _Connection(self, super().connect(*args, **named)._connection)


class OneHop(SQLiteDialect_aiosqlite):
    """aiosqlite with such cursors."""

    driver = "onehop"
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> AsyncAdapt_aiosqlite_dbapi:
        usual = super().import_dbapi()
        return _Driver(usual.aiosqlite, usual.sqlite)


registry.register(NAME.replace("+", "."), __name__, "OneHop")
