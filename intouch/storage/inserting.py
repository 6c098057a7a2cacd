"""Inserting: rows that may be there already, written in one statement on either database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.storage.columns import Base


def insert(session: AsyncSession, table: type[Base]) -> Any:
    """An INSERT of this session's database that knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    dialect = session.get_bind().dialect.name
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


async def insert_ignoring(
    session: AsyncSession, table: type[Base], rows: Sequence[Mapping[str, Any]], *, conflict: list[str] | None = None
) -> int:
    """Insert ``rows`` and leave those that break a unique key (``conflict``: which one) as they are; the number really inserted."""
    return len(await insert_new(session, table, rows, conflict=conflict))


async def insert_new(
    session: AsyncSession, table: type[Base], rows: Sequence[Mapping[str, Any]], *, conflict: list[str] | None = None
) -> Sequence[Any]:
    """As ``insert_ignoring``; the primary keys of the rows really inserted."""
    if not rows:
        return ()
    key = table.__mapper__.primary_key[0]
    statement = insert(session, cast("Any", table.__table__)).on_conflict_do_nothing(index_elements=conflict).returning(key)
    # On the connection and with RETURNING, SQLAlchemy writes many rows a statement without building an expression for each value.
    await session.flush()
    connection = await session.connection()
    return (await connection.execute(statement, [dict(row) for row in rows])).scalars().all()
