"""Cost as it grows: each benchmark's own side at 1,000, 10,000 and more: ``python -m benchmarks.growth [SIZE …] [--only …] [--write]``.

The fan-out is bound by Telegram's pace (an hour for 100,000), so it has sizes of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from benchmarks import fanout, ours, page, peers, postgres, taps
from benchmarks.delay import away

HEADS = ("", "number", "seconds", "ms each", "of the first", "ms of CPU each", "of the first", "peak", "of the first")
Took = dict[str, float]


def _digest(number: int) -> Took:
    with peers.sink() as port:
        return ours.in_touch(port, number)


def _digest_far(number: int) -> Took:
    with peers.sink() as port, away(port, 0.01) as far:
        return ours.in_touch(far, number)


def _two_senders(number: int) -> Took:
    with postgres.server() as fresh, peers.sink() as port:
        return ours.in_touch(port, number, database_url=fresh(), senders=2)


def _each(took: Took, number: int) -> Took:
    """The CPU of all instead of each."""
    if took["done"] < number:
        raise SystemExit(f"Only {took['done']:,.0f} of {number:,} taps were answered in time.")
    return {**took, "cpu": took["cpu"] * number}


def _answers(name: str) -> Callable[[int], Took]:
    return lambda number: _each(taps.run(name, number, 0.0), number)


PARTS: dict[str, Callable[[int], Took]] = {
    "digest": _digest,
    "digest, 10 ms away": _digest_far,
    "digest, two senders on PostgreSQL": _two_senders,
    "answers, polling": _answers("In Touch, polling"),
    "answers, webhook": _answers("In Touch, webhook"),
    "fan-out": fanout.measure,
}


def measure(name: str, sizes: Sequence[int]) -> list[tuple[str, ...]]:
    """A row for each size: time and CPU for each unit, and the peak, beside those of the first size."""
    rows: list[tuple[str, ...]] = []
    first: tuple[float, float, float] | None = None
    for number in sizes:
        took = PARTS[name](number)
        costs = took["seconds"] * 1000 / number, took["cpu"] * 1000 / number, took["peak_mb"]
        first = first or costs
        grown = [f"{cost / before:.2f}" if before else "–" for cost, before in zip(costs, first, strict=True)]
        cells = f"{costs[0]:.2f}", grown[0], f"{costs[1]:.2f}", grown[1], f"{costs[2]:.0f} MB", grown[2]
        rows.append((name, f"{number:,}", f"{took['seconds']:.1f}", *cells))
        print(f"  {rows[-1]}", flush=True)
    return rows


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("sizes", type=int, nargs="*", default=[1000, 10_000, 100_000])
    arguments.add_argument("--invitations", type=int, nargs="*", default=[1000, 10_000], help="the sizes of the fan-out")
    arguments.add_argument("--only", choices=[*PARTS], action="append")
    arguments.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    chosen = arguments.parse_args()
    rows = []
    for name in chosen.only or PARTS:
        rows += measure(name, chosen.invitations if name == "fan-out" else chosen.sizes)
    said = "One run of each. Seconds run from the due tick, the first tap or the first message to the last; CPU and peak are ours alone."
    page.publish("growth", "\n\n".join([said, page.table(HEADS, rows), page.circumstances()]), write=chosen.write)


if __name__ == "__main__":
    main()
