"""Survey answers, handled and stored a second: ``python -m benchmarks.answers [--number N] [--peers FOLDER]`` prints a table.

In Touch runs whole: the real survey, its rules, its templates. The peers store one row per tap and make the same two calls.
FOLDER holds ``venv`` (aiogram, sqlalchemy[asyncio], aiosqlite) and ``js/node_modules`` (telegraf, grammy, @grammyjs/runner
and better-sqlite3).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.delivery import wait_for

HERE = Path(__file__).parent
LONGEST = 60.0  # seconds of one measurement


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def ask(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    request = urllib.request.Request(url, data=json.dumps(body or {}).encode(), headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=LONGEST) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def cpu(process: subprocess.Popen[str]) -> float:
    """Seconds of CPU a process has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(command: Sequence[str], cwd: str, api: str, load: dict[str, Any]) -> dict[str, float]:
    """Start a bot, let people tap, and read off what came of it."""
    bot = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, text=True)
    try:
        assert bot.stdout is not None
        data = bot.stdout.readline().strip()
        time.sleep(1.5)  # until it polls, or has set its webhook
        used = cpu(bot)
        ask(f"{api}/load", {**load, "data": data})
        until = time.monotonic() + LONGEST
        figures: dict[str, Any] = {"done": 0}
        while figures["done"] < load["number"] and time.monotonic() < until:
            time.sleep(0.2)
            figures = ask(f"{api}/figures")
        return {**figures, "cpu": (cpu(bot) - used) / max(1, figures["done"])}
    finally:
        bot.send_signal(signal.SIGTERM)
        try:
            bot.wait(15)
        except subprocess.TimeoutExpired:
            bot.kill()


def commands(api: str, number: int, peers: Path | None, folder: str) -> dict[str, list[str]]:
    """Everybody who takes part, by name."""
    own = [sys.executable, "-m", "benchmarks.answering_bot", api, str(number)]
    found = {"In Touch, polling": own, "In Touch, webhook": [*own, "--webhook", f"http://127.0.0.1:{free_port()}"]}
    if peers is not None:
        python, script = str(peers / "venv/bin/python"), str(HERE / "bots/aiogram_bot.py")
        found["aiogram, SQLAlchemy"] = [python, script, api, f"{folder}/one.sqlite3"]
        found["aiogram, batched"] = [python, script, api, f"{folder}/batched.sqlite3", "batched"]
        for name in ("telegraf", "grammy"):
            found[name] = ["node", str(HERE / "bots/bots.mjs"), name, api, f"{folder}/{name}.sqlite3"]
    return found


def one(name: str, number: int, latency: float, peers: Path | None, rate: float = 0.0) -> dict[str, float]:
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.bot_api", str(port), "--latency", str(latency)])
    wait_for(port)
    api = f"http://127.0.0.1:{port}"
    try:
        with tempfile.TemporaryDirectory(dir=".") as folder:
            cwd = str(peers / "js") if peers is not None and name in ("telegraf", "grammy") else "."
            command = commands(api, number, peers, str(Path(folder).absolute()))[name]
            return measure(command, cwd, api, {"number": number, "flight": 256, "rate": rate})
    finally:
        server.terminate()


def main(number: int, peers: Path | None, latencies: Sequence[float]) -> None:
    print(f"{number} taps, 256 in flight, {os.cpu_count()} CPUs, load average at the start {os.getloadavg()[0]:.1f}\n")
    print("| | API latency | updates/s | CPU ms each | p99 at half of it | load average |\n| --- | --- | --- | --- | --- | --- |")
    for latency in latencies:
        for name in commands("", 0, peers, ""):
            full = one(name, number, latency, peers)
            pace = full["done"] / full["seconds"] if full["seconds"] > 0 else 0.0
            half = one(name, max(50, number // 2), latency, peers, rate=pace / 2) if pace else {"p99": 0.0}
            load = os.getloadavg()[0]
            cells = f"{latency * 1000:.0f} ms | {pace:,.0f} | {full['cpu'] * 1000:.2f} | {half['p99'] * 1000:,.0f} ms | {load:.1f}"
            print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--number", type=int, default=3000)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--latencies", type=float, nargs="*", default=[0.0, 0.03])
    main(**vars(parser.parse_args()))
