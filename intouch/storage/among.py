"""Among: whether a column is one of a list of values, which goes to the database as one parameter."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class Listed(sa.types.TypeDecorator[list[Any]]):
    """A list of numbers or texts as one parameter: an array on PostgreSQL, its JSON on SQLite, which knows no arrays."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, item: sa.types.TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(postgresql.ARRAY(self.item) if dialect.name == "postgresql" else sa.Text())

    def process_bind_param(self, value: list[Any] | None, dialect: sa.Dialect) -> Any:
        return value if dialect.name == "postgresql" else json.dumps(value)


class among(FunctionElement[bool]):
    """``among(column, "ids")``: true for the values that are bound to ``ids`` when the statement is executed.

    However many they are, the statement stays the same: PostgreSQL plans it once, and SQLAlchemy does not write it anew. An IN of
    250 parameters costs PostgreSQL and us twice the CPU, and on SQLite us alone. Where another condition has an index that SQLite
    thinks better of, it may take that one.
    """

    type = sa.Boolean()
    inherit_cache = True
    name = "among"

    def __init__(self, column: sa.ColumnElement[Any], name: str) -> None:
        super().__init__(column, sa.bindparam(name, type_=Listed(column.type)))

    def self_group(self, against: Any = None) -> Any:
        """As it is: taken for a value, it would be compared with 1 on SQLite, and no index would be used."""
        return self


@compiles(among)
def _in(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = element.clauses
    listed = sa.func.json_each(values).table_valued("value", name="listed")
    return compiler.process(column.in_(sa.select(listed.c.value)), **options)


@compiles(among, "postgresql")
def _any(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = element.clauses
    return f"{compiler.process(column, **options)} = ANY ({compiler.process(values, **options)})"
