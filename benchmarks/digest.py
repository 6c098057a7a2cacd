"""The digest against its peers, in turns: ``python -m benchmarks.digest [--people 5000] [--rounds 3] [--only …] [--write]``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks import peers

SIZE = 25_000
GOALS = {"nodemailer, ready messages": 3.0, "nodemailer, composing each": 8.0, "smtp-source": 0.9}
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- digest: begin -->", "<!-- digest: end -->"


def in_touch(port: int, number: int, *, database_url: str = "") -> dict[str, float]:
    """One run of ours in a process of its own."""
    url = f"smtp://127.0.0.1:{port}?connections={peers.CONNECTIONS}"
    command = [sys.executable, "-m", "benchmarks.sending", url, str(number), database_url]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {name: float(value) for name, value in json.loads(done.stdout.splitlines()[-1]).items()}


def pairs(peer: str, folder: Path, number: int, rounds: int) -> tuple[list[float], list[float]]:
    """Messages a second, ours and theirs, in turns so that whatever else the machine does falls on both."""
    ours, theirs = [], []
    for _ in range(rounds):
        with peers.sink() as port:
            ours.append(number / in_touch(port, number)["seconds"])
        with peers.sink() as port:
            if peer == "smtp-source":
                seconds = peers.smtp_source(port, number, SIZE)
            else:
                seconds = peers.nodemailer(folder, port, number, SIZE, composing="composing" in peer)
            theirs.append(number / seconds)
        print(f"{peer:28} ours {ours[-1]:8,.0f}/s theirs {theirs[-1]:8,.0f}/s load {os.getloadavg()[0]:.1f}", flush=True)
    return ours, theirs


def table(measured: dict[str, tuple[list[float], list[float]]], number: int, rounds: int, versions: dict[str, str]) -> str:
    lines = [
        f"{number:,} subscribers in 25 wards, messages of {SIZE // 1000} KB, {peers.CONNECTIONS} connections, one process, SQLite;"
        f" medians of {rounds} alternating pairs. {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the end.",
        "",
        "| against | ours /s | theirs /s | ratio of the medians | goal |",
        "| --- | --- | --- | --- | --- |",
    ]
    for peer, (ours, theirs) in measured.items():
        ratio = median(ours) / median(theirs)
        lines.append(f"| {peer} | {median(ours):,.0f} | {median(theirs):,.0f} | {ratio:.2f} | {GOALS[peer]} |")
    made = ", ".join(f"{name} {version}" for name, version in {"Python": platform.python_version(), **versions}.items())
    return "\n".join([*lines, "", f"Versions: {made}."])


def write(words: str, begin: str = BEGIN, end: str = END) -> None:
    """Put the figures between their marks in docs/benchmarks.md; what people wrote round them stays."""
    page = PAGE.read_text()
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    PAGE.write_text(f"{before}{begin}\n{words}\n{end}{after}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--people", type=int, default=5000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--only", choices=[*GOALS], action="append")
    arguments.add_argument("--peers", type=Path, default=Path(tempfile.gettempdir()) / "intouch-peers", help="folder for nodemailer")
    arguments.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    chosen = arguments.parse_args()
    chosen.peers.mkdir(exist_ok=True)
    versions = peers.versions(chosen.peers)
    measured = {peer: pairs(peer, chosen.peers, chosen.people, chosen.rounds) for peer in chosen.only or GOALS}
    words = table(measured, chosen.people, chosen.rounds, versions)
    print(words)
    if chosen.write:
        write(words)


if __name__ == "__main__":
    main()
