"""Own file: a process works on the SQLite file that it opened first, and never on another that was put in its place."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from intouch.errors import InTouchError

_REPLACED = (
    "Another file was put where the database was, and what was stored since is not in it. Start In Touch again to go on with that one."
)


class OwnFile:
    """Which file ``path`` was when it was first opened, by device and inode.

    A file that was moved away or deleted lives on in the connections that have it open: what they write is lost when they close.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own: tuple[int, int] | None = None

    def guard(self, engine: sa.Engine) -> None:
        """Let this engine open no other file: SQLite would play our ``-wal`` into it, or make an empty one."""
        sa.event.listen(engine, "do_connect", self._before_connecting)

    def look(self) -> bool:
        """False while no file is there: it may come back, and only its connections have what is in it. ``InTouchError``: another is."""
        if self.is_replaced:
            raise InTouchError(_REPLACED)
        return self._own is None or self._found() is not None

    @property
    def is_replaced(self) -> bool:
        return self._own is not None and self._found() not in (None, self._own)

    def _before_connecting(self, *_: Any) -> None:
        found = self._found()
        if self._own is None:
            self._own = found
        elif found != self._own:
            error = sqlite3.OperationalError("unable to open database file: it is not the one that was open")
            error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
            raise error

    def _found(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino
