"""Our side of the digest benchmarks: one run in processes of its own, and what it took."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.peers import CONNECTIONS


def in_touch(port: int, number: int, *, database_url: str = "", senders: int = 1) -> dict[str, float]:
    """From the due tick to the last outcome, with so many processes that share the connections between them."""
    url = f"smtp://127.0.0.1:{port}?connections={CONNECTIONS // senders}"
    command = [sys.executable, "-m", "benchmarks.sending", url, str(number), "--database", database_url, "--senders", str(senders)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"Our side failed:\n{done.stderr[-3000:]}")
    return {name: float(value) for name, value in json.loads(done.stdout.splitlines()[-1]).items()}


def pace(port: int, number: int, *, database_url: str = "", senders: int = 1) -> float:
    """Messages a second."""
    return number / in_touch(port, number, database_url=database_url, senders=senders)["seconds"]
