"""Peak memory of the sender as the council grows: ``python -m benchmarks.memory [20000 100000] [--write]``."""

from __future__ import annotations

import argparse
import os

from benchmarks import peers
from benchmarks.digest import in_touch, write

BEGIN, END = "<!-- memory: begin -->", "<!-- memory: end -->"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("people", type=int, nargs="*", default=[20_000, 100_000], help="1000000 works too, and takes its time")
    arguments.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    chosen = arguments.parse_args()
    lines = ["| subscribers | before the tick | peak | of the first peak | seconds |", "| --- | --- | --- | --- | --- |"]
    first = 0.0
    for number in chosen.people:
        with peers.sink() as port:
            took = in_touch(port, number)
        first = first or took["peak_mb"]
        lines.append(
            f"| {number:,} | {took['base_mb']:.0f} MB | {took['peak_mb']:.0f} MB | {took['peak_mb'] / first:.2f} | {took['seconds']:.0f} |"
        )
    words = "\n".join([*lines, "", f"Load average at the end: {os.getloadavg()[0]:.1f}."])
    print(words)
    if chosen.write:
        write(words, BEGIN, END)


if __name__ == "__main__":
    main()
