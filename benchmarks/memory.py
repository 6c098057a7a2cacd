"""Peak memory of the sender as the council grows: ``python -m benchmarks.memory [20000 100000] [--write]``.

The process is `intouch run --only sender` itself; editions were published before it starts, as by a council's own schedule process.
"""

from __future__ import annotations

import argparse
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import page, peers

GOAL = 1.1  # of the first peak
MOST = 100  # MB
HEADS = ("subscribers", "peak", f"under {MOST} MB", "of the first peak", "seconds")
_LEFT = "SELECT 1 FROM deliveries WHERE road = 'email' AND state IN ('queued', 'sending') LIMIT 1"


def measure(number: int) -> tuple[float, float]:
    """The peak of the resident memory in MB, and the seconds it took to send."""
    due = datetime.now(UTC) - timedelta(minutes=5)
    with tempfile.TemporaryDirectory() as folder, peers.sink() as port:
        database = Path(folder) / "bench.sqlite3"
        subprocess.run(
            [sys.executable, "-m", "benchmarks.council", f"sqlite:///{database}", str(number), due.isoformat(), "publish"], check=True
        )
        return _sent(database, port)


def _sent(database: Path, port: int) -> tuple[float, float]:
    own = {
        "INTOUCH_DATABASE_URL": f"sqlite:///{database}",
        "INTOUCH_DATA_DIR": str(database.parent),
        "INTOUCH_EPOCH_FILE": str(database.with_name("epoch.json")),
        "INTOUCH_SETTINGS": os.devnull,
        "INTOUCH_SMTP_URL": f"smtp://127.0.0.1:{port}?connections={peers.CONNECTIONS}",
        "INTOUCH_EMAIL_FROM": "In Touch <news@council.example>",
        "INTOUCH_PUBLIC_URL": "https://intouch.council.example",
        "INTOUCH_SECRET_KEY": "a key for benchmarks",
        "INTOUCH_LOG_LEVEL": "warning",
    }
    began = time.monotonic()
    sender = subprocess.Popen([sys.executable, "-m", "intouch.cli", "run", "--only", "sender"], env={**os.environ, **own})
    try:
        while _is_anything_left(database):
            if sender.poll() is not None:
                raise SystemExit("The sender ended before its work.")
            time.sleep(0.1)
        return _peak(sender.pid), time.monotonic() - began
    finally:
        sender.terminate()
        sender.wait()


def _is_anything_left(database: Path) -> bool:
    connection = sqlite3.connect(database)
    try:
        return connection.execute(_LEFT).fetchone() is not None
    finally:
        connection.close()


def _peak(process: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("people", type=int, nargs="*", default=[20_000, 100_000], help="1000000 works too, and takes its time")
    arguments.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    chosen = arguments.parse_args()
    rows, first = [], 0.0
    for number in chosen.people:
        peak, seconds = measure(number)
        first = first or peak
        rows.append((f"{number:,}", f"{peak:.0f} MB", "reached" if peak < MOST else "not reached", f"{peak / first:.2f}", f"{seconds:.0f}"))
        print(f"  {rows[-1]}", flush=True)
    goals = f"each under {MOST} MB and at most {GOAL} of the first is the goal"
    said = f"The peak of the resident memory of `intouch run --only sender` on SQLite; {goals}."
    page.publish("memory", "\n\n".join([said, page.table(HEADS, rows), page.circumstances()]), write=chosen.write)


if __name__ == "__main__":
    main()
