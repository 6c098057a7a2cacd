"""Peers: what others send with, installed into a temporary folder, and Debian's smtp-sink as the server of everybody."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.delivery import wait_for

CONNECTIONS = 8
SCRIPT = Path(__file__).with_name("nodemailer_peer.cjs")


@contextmanager
def sink() -> Iterator[int]:
    """Postfix's smtp-sink on a free port: it takes everything and keeps nothing."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
    program = shutil.which("smtp-sink") or "/usr/sbin/smtp-sink"
    process = subprocess.Popen([program, *as_nobody, f"127.0.0.1:{port}", "512"])
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def smtp_source(port: int, number: int, size: int) -> float:
    """Seconds that postfix's own generator takes."""
    program = shutil.which("smtp-source") or "/usr/sbin/smtp-source"
    command = [program, "-s", str(CONNECTIONS), "-m", str(number), "-l", str(size), "-f", "news@council.example", "-t", "r@x.example"]
    began = time.monotonic()
    subprocess.run([*command, f"127.0.0.1:{port}"], check=True)
    return time.monotonic() - began


def install_nodemailer(folder: Path) -> str:
    """Into a folder that nobody commits; its version."""
    if not (folder / "node_modules" / "nodemailer").exists():
        (folder / "package.json").write_text('{"private": true}')
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "nodemailer"], cwd=folder, check=True)
    return str(json.loads((folder / "node_modules/nodemailer/package.json").read_text())["version"])


def nodemailer(folder: Path, port: int, number: int, size: int, *, composing: bool) -> float:
    """Seconds that nodemailer's pool takes, with a ready message for all or composing one for each."""
    arguments = [str(folder), str(port), str(number), str(size), str(CONNECTIONS), "compose" if composing else "ready"]
    done = subprocess.run(["node", str(SCRIPT), *arguments], check=True, capture_output=True, text=True)
    return float(done.stdout)


def versions(folder: Path) -> dict[str, str]:
    def said(*command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    return {
        "node": said("node", "--version"),
        "nodemailer": install_nodemailer(folder),
        "postfix (smtp-source, smtp-sink)": said("dpkg-query", "-W", "-f", "${Version}", "postfix"),
    }
