"""Inserting: rows that may be there already, written in one statement on either database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.storage.columns import Base

# SQLite takes 32,766 parameters a statement and asyncpg 32,767.
_PARAMETERS = 30_000


def insert(session: AsyncSession, table: type[Base]) -> Any:
    """An INSERT of this session's database that knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    dialect = session.get_bind().dialect.name
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


async def insert_ignoring(
    session: AsyncSession, table: type[Base], rows: Sequence[Mapping[str, Any]], *, conflict: list[str] | None = None
) -> int:
    """Insert ``rows`` and leave those that break a unique key (``conflict``: which one) as they are; the number really inserted."""
    if not rows:
        return 0
    inserted = 0
    size = max(1, _PARAMETERS // max(1, len(sa.inspect(table).columns)))
    remaining = iter(rows)
    while chunk := list(islice(remaining, size)):
        statement = insert(session, table).values(chunk).on_conflict_do_nothing(index_elements=conflict)
        result = await session.execute(statement)
        inserted += max(0, cast("sa.CursorResult[Any]", result).rowcount)
    return inserted
