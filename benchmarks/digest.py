"""The digest against its peers, in turns: ``python -m benchmarks.digest [--people 5000] [--rounds 3] [--only …] [--write]``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from statistics import median

from benchmarks import ours, page, peers, rounds

# The same goal for both ways of smtp-source: its own habit is to connect for each message, ours to keep connections.
GOALS = {
    "nodemailer, ready messages": 3.0,
    "nodemailer, composing each": 8.0,
    "smtp-source, connecting for each": 0.9,
    "smtp-source, keeping connections": 0.9,
}


class Sink:
    """What a message cost the sink, by who sent it. It works on one core, so this says how many a second it can take at most."""

    def __init__(self) -> None:
        self._each: dict[str, list[float]] = {}

    def paced(self, name: str, number: int, pace: Callable[[int], float]) -> float:
        """The pace of one run against a fresh sink."""
        spent: list[float] = []
        with peers.sink(spent) as port:
            said = pace(port)
        self._each.setdefault(name, []).append(spent[0] / number)
        return said

    def most(self) -> float:
        """Messages a second from whoever costs it least."""
        return 1 / min(map(median, self._each.values()))


def measure(peer: str, number: int, times: int, sink: Sink) -> dict[str, list[float]]:
    """Messages a second, of ours and of one peer, in turns."""
    runs = {
        rounds.OURS: lambda: sink.paced(rounds.OURS, number, lambda port: ours.pace(port, number)),
        peer: lambda: sink.paced(peer, number, lambda port: number / peers.PEERS[peer](port, number)),
    }
    return rounds.alternate(runs, times)


def within_reach(said: Mapping[str, list[float]], most: float) -> str:
    """What each goal asks for, beside what the sink can take from anybody."""
    asked = [f"{GOALS[peer]:g} times {peer} is {GOALS[peer] * median(paces):,.0f}" for peer, paces in said.items()]
    return f"The sink works on one core, and can take at most {most:,.0f} messages a second, whoever brings them. {'; '.join(asked)}."


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--people", type=int, default=5000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--only", choices=[*GOALS], action="append")
    arguments.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    chosen = arguments.parse_args()
    versions = peers.versions()
    sink = Sink()
    measured = {peer: measure(peer, chosen.people, chosen.rounds, sink) for peer in chosen.only or GOALS}
    rows = [rounds.compare(paces, GOALS)[0] for paces in measured.values()]
    reach = within_reach({peer: paces[peer] for peer, paces in measured.items()}, sink.most())
    said = (
        f"{chosen.people:,} subscribers in 25 wards, messages of {peers.SIZE // 1000} KB, {peers.CONNECTIONS} connections, one process,"
        f" SQLite; messages a second, medians of {chosen.rounds} alternating pairs (least–most)."
    )
    page.publish("digest", "\n\n".join([said, page.table(rounds.HEADS, rows), reach, page.circumstances(versions)]), write=chosen.write)


if __name__ == "__main__":
    main()
