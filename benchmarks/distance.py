"""The digest to a mail server that is far away: ``python -m benchmarks.distance [--people N] [--rounds 3] [--delays 10 20] [--write]``."""

from __future__ import annotations

import argparse
import contextlib
import socket
import time
from collections.abc import Iterator
from functools import partial
from statistics import median

from benchmarks import ours, page, peers, rounds
from benchmarks.delay import away

GOALS = {"nodemailer, ready messages": 2.5, "aiosmtplib": 3.0}
HEADS = ("added round trip", *rounds.HEADS)


@contextlib.contextmanager
def _server(milliseconds: float) -> Iterator[int]:
    with peers.sink() as port, away(port, milliseconds / 1000) as far:
        yield far


def _ours(number: int, milliseconds: float) -> float:
    with _server(milliseconds) as port:
        return ours.pace(port, number)


def _theirs(peer: str, number: int, milliseconds: float) -> float:
    with _server(milliseconds) as port:
        return number / peers.PEERS[peer](port, number)


def round_trip(milliseconds: float, times: int = 20) -> float:
    """Milliseconds that a NOOP really takes there: the median of some."""
    took = []
    with _server(milliseconds) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        connection.recv(1000)
        for _ in range(times):
            began = time.perf_counter()
            connection.sendall(b"NOOP\r\n")
            connection.recv(1000)
            took.append((time.perf_counter() - began) * 1000)
    return median(took)


def most(number: int) -> float:
    """Messages a second that the delaying process lets through when it adds nothing: what it could be a hindrance to."""
    return _theirs("smtp-source, keeping connections", number, 0)


def measure(number: int, milliseconds: float, times: int) -> list[tuple[str, ...]]:
    runs = {rounds.OURS: partial(_ours, number, milliseconds)}
    runs |= {peer: partial(_theirs, peer, number, milliseconds) for peer in GOALS}
    said, real = rounds.compare(rounds.alternate(runs, times), GOALS), round_trip(milliseconds)
    return [(f"{milliseconds:g} ms (measured {real:.1f}: {one_each(real):,.0f} /s)", *row) for row in said]


def one_each(milliseconds: float) -> float:
    """Messages a second when each costs its connection one round trip: the most without CHUNKING, since DATA ends a group (RFC 2920)."""
    return peers.CONNECTIONS * 1000 / milliseconds


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--people", type=int, default=2000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--delays", type=float, nargs="*", default=[10, 20], help="milliseconds added to each round trip")
    arguments.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    chosen = arguments.parse_args()
    versions = peers.versions()
    rows = [row for delay in chosen.delays for row in measure(chosen.people, delay, chosen.rounds)]
    said = (
        f"{chosen.people:,} subscribers, messages of {peers.SIZE // 1000} KB, {peers.CONNECTIONS} connections for everybody; messages a"
        f" second, medians of {chosen.rounds} rounds of all in turns (least–most). Without delay the delaying process lets"
        f" {most(chosen.people):,.0f} messages a second of smtp-source through. Beside each round trip stands what it allows: one message a"
        " connection."
    )
    page.publish("distance", "\n\n".join([said, page.table(HEADS, rows), page.circumstances(versions)]), write=chosen.write)


if __name__ == "__main__":
    main()
