"""Among: whether a column is one of a list of values, which goes to the database as one parameter where it knows lists."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class among(FunctionElement[bool]):
    """``among(column, "ids")``: true for the values that are bound to ``ids`` when the statement is executed.

    PostgreSQL takes them as one array and plans the statement once, however many they are; an IN of 250 parameters costs it and
    us twice the CPU. SQLite knows no arrays and gets the IN, which costs it no more.
    """

    type = sa.Boolean()
    inherit_cache = True
    name = "among"

    def __init__(self, column: sa.ColumnElement[Any], name: str) -> None:
        super().__init__(column, sa.bindparam(name, type_=postgresql.ARRAY(column.type)))

    def self_group(self, against: Any = None) -> Any:
        """As it is: taken for a value, it would be compared with 1 on SQLite, and no index would be used."""
        return self


@compiles(among)
def _in(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = element.clauses
    listed = sa.bindparam(values.key, expanding=True, type_=column.type)
    return compiler.process(column.in_(listed), **options)


@compiles(among, "postgresql")
def _any(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = element.clauses
    return f"{compiler.process(column, **options)} = ANY ({compiler.process(values, **options)})"
