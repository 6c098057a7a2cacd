"""Taps: one bot at a time, ours or a peer's, is started, tapped by many people, and read off."""

from __future__ import annotations

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

from benchmarks import installing
from benchmarks.delivery import wait_for

HERE = Path(__file__).parent
FLIGHT = 256
PATIENCE = 60.0  # seconds that a bot may take beyond what this many updates a second take
SLOWEST = 20
OURS = ("In Touch, polling", "In Touch, webhook")
PEERS = ("aiogram, SQLAlchemy", "aiogram, batched", "telegraf", "grammY runner")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def ask(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    request = urllib.request.Request(url, data=json.dumps(body or {}).encode(), headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def cpu(process: subprocess.Popen[Any]) -> float:
    """Seconds of CPU a process has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak(process: subprocess.Popen[Any]) -> float:
    """The most megabytes it had resident since ``forget_peak``."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def forget_peak(process: subprocess.Popen[Any]) -> None:
    """What it needed to get ready is not what is measured."""
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def versions() -> dict[str, str]:
    """Of the peers, installed where needed."""
    python = installing.pip("aiogram", "sqlalchemy[asyncio]", "aiosqlite")
    return {**python, **installing.npm("telegraf", "grammy", "@grammyjs/runner", "better-sqlite3")}


def command(name: str, api: str, number: int, folder: str) -> list[str]:
    """How the bot of that name is started."""
    own = [sys.executable, "-m", "benchmarks.answering_bot", api, str(number)]
    aiogram = [str(installing.FOLDER / "venv/bin/python"), str(HERE / "bots/aiogram_bot.py"), api, f"{folder}/bot.sqlite3"]
    node = ["node", str(HERE / "bots/bots.mjs")]
    commands = {
        "In Touch, polling": own,
        "In Touch, webhook": [*own, "--webhook", f"http://127.0.0.1:{free_port()}"],
        "aiogram, SQLAlchemy": aiogram,
        "aiogram, batched": [*aiogram, "batched"],
        "telegraf": [*node, "telegraf", api, f"{folder}/bot.sqlite3"],
        "grammY runner": [*node, "grammy", api, f"{folder}/bot.sqlite3"],
    }
    return commands[name]


def run(name: str, number: int, latency: float, *, rate: float = 0.0) -> dict[str, float]:
    """Figures of one bot: as fast as it can with 256 in flight, or at so many updates a second."""
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.bot_api", str(port), "--latency", str(latency)])
    wait_for(port)
    api = f"http://127.0.0.1:{port}"
    try:
        with tempfile.TemporaryDirectory() as folder:
            cwd = str(installing.FOLDER) if name in ("telegraf", "grammY runner") else "."
            return _measure(command(name, api, number, folder), cwd, server, api, {"number": number, "flight": FLIGHT, "rate": rate})
    finally:
        server.terminate()
        server.wait()


def _measure(bot_command: Sequence[str], cwd: str, server: subprocess.Popen[Any], api: str, load: dict[str, Any]) -> dict[str, float]:
    bot = subprocess.Popen(bot_command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert bot.stdout is not None
        data = bot.stdout.readline().strip()
        if not data:
            raise SystemExit(f"{bot_command[0]} {bot_command[1]} did not start, so nothing was measured.")
        time.sleep(1.5)  # until it polls, or has set its webhook
        forget_peak(bot)
        before, served = cpu(bot), cpu(server)
        figures = _load(api, {**load, "data": data})
        done = max(1, figures["done"])
        busy = (cpu(server) - served) / max(figures["seconds"], 0.01)
        return {**figures, "cpu": (cpu(bot) - before) / done, "api_busy": busy, "peak_mb": peak(bot)}
    finally:
        _end(bot)


def _load(api: str, load: dict[str, Any]) -> dict[str, float]:
    ask(f"{api}/load", load)
    until = time.monotonic() + PATIENCE + load["number"] / SLOWEST
    figures: dict[str, Any] = {"done": 0}
    while figures["done"] < load["number"] and time.monotonic() < until:
        time.sleep(0.2)
        figures = ask(f"{api}/figures")
    return figures


def _end(bot: subprocess.Popen[str]) -> None:
    bot.send_signal(signal.SIGTERM)
    try:
        bot.wait(15)
    except subprocess.TimeoutExpired:
        bot.kill()
