"""A PostgreSQL database that can't hold every letter is refused before anything is lost in it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
import sqlalchemy as sa

from intouch.errors import InTouchError
from intouch.storage import revision, upgrade
from intouch.storage.sessions import open_engine


async def administer(server: sa.URL, statement: str) -> None:
    connection = await asyncpg.connect(server.set(drivername="postgresql").render_as_string(hide_password=False))
    await connection.execute(statement)
    await connection.close()


@pytest.fixture
async def encoded(request: pytest.FixtureRequest, postgres_server: sa.URL) -> AsyncIterator[str]:
    """The URL of an empty database of this encoding."""
    name = f"encoded_{request.param.lower()}"
    await administer(postgres_server, f"CREATE DATABASE {name} ENCODING '{request.param}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    yield postgres_server.set(database=name).render_as_string(hide_password=False)
    await administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("encoded", ["LATIN1"], indirect=True)
async def test_one_for_western_europe_is_refused_with_what_to_do(encoded: str) -> None:
    engine = open_engine(encoded)
    for way in (revision.current, revision.make_ready, upgrade.upgrade):
        with pytest.raises(InTouchError, match=r"LATIN1.*UTF8"):
            await way(engine)
    await engine.dispose()


@pytest.mark.parametrize("encoded", ["SQL_ASCII"], indirect=True)
async def test_one_that_takes_every_byte_does(encoded: str) -> None:
    engine = open_engine(encoded)
    await upgrade.upgrade(engine)
    async with engine.begin() as connection:
        await connection.execute(sa.text("INSERT INTO ticks VALUES ('Łódź 👍', 0, now())"))
        assert await connection.scalar(sa.text("SELECT name FROM ticks")) == "Łódź 👍"
    await engine.dispose()
