"""Statements: what SQLAlchemy compiled for the database of one test serves the next one's, which is made alike."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from intouch.storage import one_hop
from intouch.storage.one_hop import OneHop

_COMPILED: dict[Any, Any] = {}


class _Alike:
    """SQLAlchemy keeps compiled statements by dialect, and each engine has a dialect of its own."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))


class SQLite(_Alike, OneHop):
    """As it is, but equal to its like."""

    supports_statement_cache = True


class PostgreSQL(_Alike, PGDialect_asyncpg):
    """As it is, but equal to its like."""

    supports_statement_cache = True


def share() -> None:
    """From now on all engines of this process share what is compiled: a quarter of what a test does is compiling."""
    registry.register(one_hop.NAME.replace("+", "."), __name__, "SQLite")
    registry.register("postgresql.asyncpg", __name__, "PostgreSQL")
    sa.event.listen(sa.Engine, "engine_connect", _keep_together)


def _keep_together(connection: sa.Connection) -> None:
    connection.execution_options(compiled_cache=_COMPILED)
