"""In Touch's side of the digest benchmark: from the due tick in the database to the last outcome, as JSON.

The council is founded by another process, so that the peak of memory is the sender's. Of several senders each is a process;
the first one's schedule sees the tick, and the others find its deliveries as they do in a council: by looking once a second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import uvloop

from benchmarks import council
from intouch import logs, schedule
from intouch.cli import rooms
from intouch.outbox.presence import Presence
from intouch.post import Post
from intouch.runtime import build_runtime
from intouch.sender import build_worker


class Helper:
    """Another sender on the same database, in a process of its own."""

    sent = 0

    async def start(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "benchmarks.sending", *arguments, "--help-out"]
        self._process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        await self._read()
        self._reading = asyncio.create_task(self._listen())

    async def _read(self) -> bytes:
        assert self._process.stdout is not None
        return await self._process.stdout.readline()

    async def _listen(self) -> None:
        while (line := await self._read()).strip().isdigit():
            self.sent = int(line)
        self._took: dict[str, float] = json.loads(line)

    async def stop(self) -> dict[str, float]:
        """Its CPU and its peak."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._reading
        await self._process.wait()
        return self._took


async def help_out(smtp_url: str, database_url: str, due: datetime) -> None:
    """Send whatever is there, saying how much that was, until nobody listens on our standard input."""
    runtime = build_runtime(council.settings(database_url, smtp_url, due))
    worker = build_worker(runtime, Presence(runtime.settings.data_dir), email=Post(runtime.settings).channel)
    running, over = asyncio.create_task(worker.run()), asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    print("ready", flush=True)
    cpu, said = time.process_time(), 0
    while not over.done():
        await asyncio.sleep(0.01)
        if (now := sum(worker.counts.values())) != said:
            said = now
            print(said, flush=True)
    cpu = time.process_time() - cpu
    await worker.stop()
    await running
    await runtime.sessions.close()
    print(json.dumps({"cpu": cpu, "peak_mb": _peak()}), flush=True)


async def send(smtp_url: str, people: int, database_url: str, due: datetime, senders: int) -> dict[str, Any]:
    """What one run took."""
    runtime = build_runtime(council.settings(database_url, smtp_url, due))
    worker = build_worker(runtime, Presence(runtime.settings.data_dir), email=Post(runtime.settings).channel)
    helpers = [Helper() for _ in range(senders - 1)]
    for helper in helpers:
        await helper.start(smtp_url, str(people), "--database", database_url, "--due", due.isoformat())
    base, began, cpu = _peak(), time.monotonic(), time.process_time()
    running = asyncio.create_task(worker.run())  # as in a council, it is there when the tick comes
    await schedule.reconcile(runtime)
    queued = time.monotonic() - began
    worker.nudge()
    while sum(worker.counts.values()) + sum(helper.sent for helper in helpers) < people:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    helped = [await helper.stop() for helper in helpers]
    await worker.stop()
    await running
    await _check(runtime, people)
    cpu += sum(one["cpu"] for one in helped)
    peak = max([_peak(), *(one["peak_mb"] for one in helped)])
    return {"seconds": seconds, "queued": queued, "cpu": cpu, "base_mb": base, "peak_mb": peak, "helped": sum(h.sent for h in helpers)}


async def _check(runtime: Any, people: int) -> None:
    found = await council.states(runtime)
    await runtime.sessions.close()
    if found != {"sent": people}:
        raise SystemExit(f"not all was sent: {found}")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("smtp_url")
    arguments.add_argument("people", type=int)
    arguments.add_argument("--database", default="")
    arguments.add_argument("--senders", type=int, default=1)
    arguments.add_argument("--due", type=datetime.fromisoformat, default=datetime.now(UTC) - timedelta(minutes=5))
    arguments.add_argument("--help-out", action="store_true", help="be one of several senders; others start this")
    chosen = arguments.parse_args()
    rooms.opened(rooms.ROOMS[0])  # the process is set up as by `intouch run`
    logs.configure("warning")
    if chosen.help_out:
        uvloop.run(help_out(chosen.smtp_url, chosen.database, chosen.due))
        return
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        database_url = chosen.database or f"sqlite:///{folder}/bench.sqlite3"
        founded = [sys.executable, "-m", "benchmarks.council", database_url, str(chosen.people), chosen.due.isoformat()]
        subprocess.run(founded, check=True)
        print(json.dumps(uvloop.run(send(chosen.smtp_url, chosen.people, database_url, chosen.due, chosen.senders))))


if __name__ == "__main__":
    main()
