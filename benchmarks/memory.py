"""Peak memory of the sender as the council grows: ``python -m benchmarks.memory [20000 100000] [--write]``."""

from __future__ import annotations

import argparse

from benchmarks import ours, page, peers

GOAL = 1.1  # of the first peak
HEADS = ("subscribers", "before the tick", "peak", "of the first peak", "seconds")


def measure(number: int) -> dict[str, float]:
    with peers.sink() as port:
        return ours.in_touch(port, number)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("people", type=int, nargs="*", default=[20_000, 100_000], help="1000000 works too, and takes its time")
    arguments.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    chosen = arguments.parse_args()
    rows, first = [], 0.0
    for number in chosen.people:
        took = measure(number)
        first = first or took["peak_mb"]
        shares = f"{took['peak_mb'] / first:.2f}", f"{took['seconds']:.0f}"
        rows.append((f"{number:,}", f"{took['base_mb']:.0f} MB", f"{took['peak_mb']:.0f} MB", *shares))
        print(f"  {rows[-1]}", flush=True)
    said = f"The peak of the resident memory of one sender on SQLite; each at most {GOAL} of the first is the goal."
    page.publish("memory", "\n\n".join([said, page.table(HEADS, rows), page.circumstances()]), write=chosen.write)


if __name__ == "__main__":
    main()
