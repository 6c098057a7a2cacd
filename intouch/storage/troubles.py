"""Troubles: whether the database itself failed, and what whoever runs In Touch reads then, without what was in a statement or a URL."""

from __future__ import annotations

import errno
import sqlite3

import sqlalchemy as sa

DAMAGED = "The database file is damaged. Stop In Touch, keep the file, and go back to your last backup."
_BY_WORDS = {
    "database is locked": "The database is busy: something else is writing to it for a long time. Nothing was changed; please try again.",
    "disk is full": "The disk is full. Nothing was changed; make room and try again.",
    "disk i/o error": "The disk can't be written to; it may be full. Nothing was changed; make room and try again.",
    "readonly database": "The database can't be written to. Check who owns its file and its folder, and INTOUCH_DATA_DIR.",
    "unable to open database file": "The database file can't be opened. Check INTOUCH_DATABASE_URL, INTOUCH_DATA_DIR and who may write.",
    "file is not a database": "The database file is no SQLite database, or it is damaged. Check INTOUCH_DATABASE_URL and INTOUCH_DATA_DIR.",
    "malformed": DAMAGED,
    "already exists": "The database has tables, and nothing says which In Touch made them. Check INTOUCH_DATABASE_URL, or take a backup.",
    "no such table": "The database is of another version or program. Check INTOUCH_DATABASE_URL, or run `intouch db upgrade`.",
}
_TOO_LONG = "57014"
_BUSY = "The database is busy: something else is changing the same. Nothing was changed; please try again."
# SQLSTATEs of PostgreSQL, or their classes, that say more than "out of reach".
_BY_STATE = {
    "28": "The database server does not let us in. Check user and password in INTOUCH_DATABASE_URL.",
    "3D": "The database server has no such database. Create it, or check its name in INTOUCH_DATABASE_URL.",
    "42": "The database does not let us do that, or is of another version. Check the user's rights, or run `intouch db upgrade`.",
    "53": "The database server is out of room or connections. Nothing was changed; please try again later.",
    "40": _BUSY,
    "55": _BUSY,
    _TOO_LONG: "The database took longer than it is allowed to. Nothing was changed; please try again, or have statement_timeout raised.",
}
_NOT_UTF_8 = "What was typed can't be read as UTF-8. Nothing was changed; set the terminal to UTF-8 and type it again."
# Lost connections, a server that only lets read, has waited for us, is out of room or stops; a row or table that somebody else has in
# hand; rights or a table that were there when we began, and are not while somebody restores. Not 57014, a statement that took too long:
# it may do so every time.
_PASSING_STATES = ("08", "25006", "25P03", "40", "42501", "42P01", "53", "55P03", "57P")
_PASSING_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN})
# Statements are prepared on one connection and meant for that one.
_POOLER_STATES = ("26000", "42P05")
_POOLER = "A pooler changes the connection between transactions. Let it keep one for a session (PgBouncer: pool_mode = session)."
_AWAY = "The database can't be reached ({what}). Check INTOUCH_DATABASE_URL and that the server runs."


def will_pass(error: BaseException) -> bool:
    """Whether ``error`` alone makes certain that the database was away, full or busy, and nobody's statement or data was wrong."""
    if isinstance(error, (sa.exc.TimeoutError, ConnectionError)):
        return True
    if not isinstance(error, sa.exc.DBAPIError):
        return False
    state, code = _state(error.orig), getattr(error.orig, "sqlite_errorcode", None)
    # The low byte of SQLite's code is its kind.
    return error.connection_invalidated or state.startswith(_PASSING_STATES) or (code is not None and code & 0xFF in _PASSING_CODES)


def took_too_long(error: BaseException) -> bool:
    """Whether PostgreSQL ended a statement because of its ``statement_timeout``, or because an administrator said so."""
    return isinstance(error, sa.exc.DBAPIError) and _state(error.orig) == _TOO_LONG


def _state(original: BaseException | None) -> str:
    return str(getattr(original, "sqlstate", None) or "")


def sentence(error: BaseException) -> str | None:
    """What to tell about ``error``, in one line; None when it is no trouble of the database or its folder."""
    original = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if "surrogates not allowed" in str(original):
        return _NOT_UTF_8
    state = _state(original)
    if state in _POOLER_STATES:
        return _POOLER
    if told := _BY_STATE.get(state) or _BY_STATE.get(state[:2]):
        return told
    if isinstance(error, sa.exc.IntegrityError):
        return None
    if isinstance(error, sa.exc.DBAPIError):
        words = str(original).lower()
        told = next((told for known, told in _BY_WORDS.items() if known in words), None)
        return told or (None if isinstance(error, sa.exc.ProgrammingError) else _AWAY.format(what=type(original).__name__))
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _BY_WORDS["disk is full"]
        if isinstance(error, (FileExistsError, NotADirectoryError)) and error.filename:
            return f"{error.filename} is a file, and a folder is needed. Check INTOUCH_DATA_DIR."
        if error.filename:
            return f"{error.filename} can't be used: {error.strerror}. Check INTOUCH_DATA_DIR and who may write there."
        return _AWAY.format(what=type(error).__name__)
    return _AWAY.format(what=type(error).__name__) if state else None
