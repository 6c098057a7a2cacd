"""In Touch's side of the digest benchmark: from the due tick in the database to the last outcome, as JSON.

The council is founded by another process, so that the peak of memory is the sender's.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import intouch.cli  # noqa: F401 - it sets up the process as for every command
from benchmarks import council
from intouch import logs, schedule
from intouch.app import build_runtime, build_worker
from intouch.outbox.presence import Presence


async def send(smtp_url: str, people: int, database_url: str, due: datetime) -> dict[str, Any]:
    """What one run took."""
    runtime = build_runtime(council.settings(database_url, smtp_url, due))
    worker = build_worker(runtime, Presence(runtime.settings.data_dir))
    base, began, cpu = _peak(), time.monotonic(), time.process_time()
    await schedule.reconcile(runtime)
    queued = time.monotonic() - began
    running = asyncio.create_task(worker.run())
    while sum(worker.counts.values()) < people:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    await worker.stop()
    await running
    found = await council.states(runtime)
    await runtime.sessions.close()
    if found != {"sent": people}:
        raise SystemExit(f"not all was sent: {found}")
    return {"seconds": seconds, "queued": queued, "cpu": cpu, "base_mb": base, "peak_mb": _peak()}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(smtp_url: str, people: int, database_url: str = "") -> None:
    logs.configure("warning")
    with tempfile.TemporaryDirectory() as folder:
        database_url, due = database_url or f"sqlite:///{folder}/bench.sqlite3", datetime.now(UTC) - timedelta(minutes=5)
        subprocess.run([sys.executable, "-m", "benchmarks.council", database_url, str(people), due.isoformat()], check=True)
        print(json.dumps(asyncio.run(send(smtp_url, people, database_url, due))))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:4])
