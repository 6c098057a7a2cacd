"""Revision: which tables the database has and which this version of In Touch expects; told without loading the migrations."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from intouch.errors import InTouchError
from intouch.loading import load

_VERSIONS = Path(__file__).parent / "migrations" / "versions"


class DatabaseBehind(InTouchError):
    """The database has older tables than this version needs."""


class DatabaseAhead(InTouchError):
    """The database has newer tables than this version knows."""


@cache
def known() -> tuple[str, ...]:
    """The revisions that this version knows, oldest first; each is in a file that begins with its number."""
    return tuple(sorted(path.name.partition("_")[0] for path in _VERSIONS.glob("[0-9]*.py")))


def newest() -> str:
    """The revision this version of In Touch needs."""
    return known()[-1]


def refuse_newer(revision: str | None) -> None:
    """Raise ``DatabaseAhead`` for a revision that only a later version can have made."""
    if revision and revision not in known():
        told = f"The database was made by a later version of In Touch (revision {revision[:20]}; this one knows {newest()})."
        raise DatabaseAhead(f"{told} Install that version again, or go back to a backup from before it.")


def refuse_narrow(connection: sa.Connection) -> None:
    """Raise ``InTouchError`` where PostgreSQL can't store every letter: an outcome with one of the others would hold up all that wait."""
    if connection.dialect.name != "postgresql":
        return
    encoding = connection.scalar(sa.text("SHOW server_encoding"))
    if encoding not in ("UTF8", "SQL_ASCII"):  # the latter stores what it is given
        advice = "Make another: `createdb --encoding=UTF8 --template=template0 NAME`, and name it in INTOUCH_DATABASE_URL."
        raise InTouchError(f"The database's encoding is {encoding}, and what people write does not fit into that. {advice}")


async def current(engine: AsyncEngine) -> str:
    """The revision the database is at; empty for a new database. Raises ``InTouchError`` for one that we can't use."""
    async with engine.connect() as connection:
        return await connection.run_sync(_noted)


def _noted(connection: sa.Connection) -> str:
    refuse_narrow(connection)
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    return connection.scalar(sa.text("SELECT version_num FROM alembic_version")) or ""


async def make_ready(engine: AsyncEngine) -> None:
    """At start: SQLite upgrades itself; PostgreSQL behind its migrations refuses to start."""
    if (revision := await current(engine)) == newest():
        return
    refuse_newer(revision)
    if engine.dialect.name != "sqlite":
        raise DatabaseBehind("The database is older than this version of In Touch. Run `intouch db upgrade`, then start again.")
    await load("intouch.storage.upgrade:upgrade")(engine)
