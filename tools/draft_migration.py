"""Writes a migration from what the models have and the migrations have not: ``make migration NAME="add x"``."""

import asyncio
import importlib
import pkgutil
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa
from alembic import command

import intouch
from intouch.storage import sessions, upgrade
from intouch.storage.columns import Base


def import_models() -> sa.MetaData:
    """Every ``models`` module of every room, so that the metadata is whole."""
    for module in pkgutil.iter_modules(intouch.__path__):
        if module.ispkg and (Path(intouch.__path__[0]) / module.name / "models.py").exists():
            importlib.import_module(f"intouch.{module.name}.models")
    return Base.metadata


async def main(message: str) -> None:
    metadata = import_models()
    with tempfile.TemporaryDirectory() as folder:
        engine = sessions.open_engine(f"sqlite:///{folder}/draft.sqlite3")
        await upgrade.upgrade(engine)
        async with engine.begin() as connection:
            await connection.run_sync(
                lambda sync: command.revision(upgrade.config(sync, metadata), message=message, autogenerate=True, rev_id=f"{number():04d}")
            )
        await engine.dispose()


def number() -> int:
    """The number of the next migration."""
    versions = Path(upgrade.__file__).parent / "migrations" / "versions"
    return len(list(versions.glob("[0-9]*.py"))) + 1


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[:1] == ["--first"]:
        # Nothing has been released yet: the first migration is simply written anew.
        for old in (Path(upgrade.__file__).parent / "migrations" / "versions").glob("[0-9]*.py"):
            old.unlink()
        words = ["first tables"]
    asyncio.run(main(" ".join(words) or "change"))
