"""Database: bringing it to the tables that this version needs."""

from __future__ import annotations

import asyncio

import typer

from intouch import settings
from intouch.cli.running import plainly
from intouch.cli.saying import AsJson, Done
from intouch.runtime import build_runtime
from intouch.storage import revision, upgrade

app = typer.Typer(no_args_is_help=True)


@app.command("upgrade")
def upgrade_database(as_json: AsJson = False) -> None:
    """Bring the database to the tables this version needs; safe to run again.

    Example: intouch db upgrade
    """

    async def work() -> Done:
        chosen = settings.load()
        runtime = build_runtime(chosen)
        try:
            before = await revision.current(runtime.sessions.engine)
            await upgrade.upgrade(runtime.sessions.engine)
        finally:
            await runtime.sessions.close()
        newest = revision.newest()
        sentence = f"The database is at {newest}." if before == newest else f"Upgraded to {newest}."
        return Done(sentence, {"before": before, "now": newest})

    with plainly():
        done = asyncio.run(work())
    done.tell(as_json=as_json)
