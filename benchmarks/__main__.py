"""All benchmarks, one after another: ``python -m benchmarks full|short [PART …]``; full ones write docs/benchmarks.md, short ones print."""

from __future__ import annotations

import subprocess
import sys
import time

# What each part is called, and what it is given in full and in short.
PARTS = {
    "digest": ("--people 100000 --rounds 5 --write", "--people 1000 --rounds 1"),
    "distance": ("--people 10000 --rounds 5 --write", "--people 500 --rounds 1 --delays 10"),
    "two_senders": ("--people 100000 --rounds 5 --write", "--people 1000 --rounds 1"),
    "memory": ("20000 1000000 --write", "500 2000"),
    "answers": ("--number 3000 --rounds 5 --write", "--number 300 --rounds 1 --latencies 0"),
    "fanout": ("10000 --write", "300"),
    "growth": ("1000 10000 100000 --write", "200 400 --only digest"),
}


def main() -> int:
    """How many parts failed; one that does leaves the others to go on."""
    form, *chosen = sys.argv[1:] or ["full"]
    unknown = [part for part in chosen if part not in PARTS]
    if form not in ("full", "short") or unknown:
        raise SystemExit(f"Say full or short, and after it nothing or some of {', '.join(PARTS)}.")
    failed = []
    for part in chosen or PARTS:
        began = time.monotonic()
        given = PARTS[part][form == "short"].split()
        print(f"== {part} {' '.join(given)}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{part}", *given], check=False).returncode:
            failed.append(part)
        print(f"== {part} took {(time.monotonic() - began) / 60:.1f} minutes\n", flush=True)
    if failed:
        print(f"These parts failed: {', '.join(failed)}.")
    return len(failed)


if __name__ == "__main__":
    raise SystemExit(main())
