"""The digest against its peers, in turns: ``python -m benchmarks.digest [--people 5000] [--rounds 3] [--only …] [--write]``."""

from __future__ import annotations

import argparse

from benchmarks import ours, page, peers, rounds

# The same goal for both ways of smtp-source: its own habit is to connect for each message, ours to keep connections.
GOALS = {
    "nodemailer, ready messages": 3.0,
    "nodemailer, composing each": 8.0,
    "smtp-source, connecting for each": 0.9,
    "smtp-source, keeping connections": 0.9,
}


def _ours(number: int) -> float:
    with peers.sink() as port:
        return ours.pace(port, number)


def _theirs(peer: str, number: int) -> float:
    with peers.sink() as port:
        return number / peers.PEERS[peer](port, number)


def measure(peer: str, number: int, times: int) -> tuple[str, ...]:
    """The row of one peer: pairs of ours and theirs, in turns."""
    runs = {rounds.OURS: lambda: _ours(number), peer: lambda: _theirs(peer, number)}
    return rounds.compare(rounds.alternate(runs, times), GOALS)[0]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--people", type=int, default=5000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--only", choices=[*GOALS], action="append")
    arguments.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    chosen = arguments.parse_args()
    versions = peers.versions()
    rows = [measure(peer, chosen.people, chosen.rounds) for peer in chosen.only or GOALS]
    said = (
        f"{chosen.people:,} subscribers in 25 wards, messages of {peers.SIZE // 1000} KB, {peers.CONNECTIONS} connections, one process,"
        f" SQLite; messages a second, medians of {chosen.rounds} alternating pairs (least–most)."
    )
    page.publish("digest", "\n\n".join([said, page.table(rounds.HEADS, rows), page.circumstances(versions)]), write=chosen.write)


if __name__ == "__main__":
    main()
