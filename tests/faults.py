"""Faults: a database that fails at the statement which a test names, for this process and for as long as the test says."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa


@contextlib.contextmanager
def failing(error: Exception, *, when: Callable[[str, Any], bool], times: float = float("inf")) -> Iterator[None]:
    """Instead of what it is asked, the database says ``error``, so many ``times``, ``when`` is true of the SQL and its parameters."""
    left = times

    def fail(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        nonlocal left
        if left > 0 and when(statement, parameters):
            left -= 1
            raise error

    sa.event.listen(sa.Engine, "before_cursor_execute", fail)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", fail)
