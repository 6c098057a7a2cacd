"""Peers: what others send email with, and Debian's smtp-sink as the server of everybody."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import installing
from benchmarks.delivery import wait_for

CONNECTIONS = 8
SIZE = 25_000
NODEMAILER = Path(__file__).with_name("nodemailer_peer.cjs")


def _postfix(name: str) -> str:
    found = shutil.which(name) or f"/usr/sbin/{name}"
    if not Path(found).exists():
        raise SystemExit(f"{name} is not installed here; it comes with the package postfix of Debian and Ubuntu. Nothing was measured.")
    return found


@contextmanager
def sink(spent: list[float] | None = None) -> Iterator[int]:
    """Postfix's smtp-sink on a free port: it takes everything and keeps nothing. Its seconds of CPU are added to ``spent``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([_postfix("smtp-sink"), *as_nobody, f"127.0.0.1:{port}", "512"])
    try:
        wait_for(port)
        yield port
        if spent is not None:
            spent.append(_cpu(process.pid))
    finally:
        process.terminate()
        process.wait()


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has had: utime and stime of proc(5)."""
    after_the_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_the_name[11]) + int(after_the_name[12])) / os.sysconf("SC_CLK_TCK")


def smtp_source(port: int, number: int, *, keeping: bool = False) -> float:
    """Seconds that postfix's own generator takes; it connects anew for each message unless it is ``keeping`` its connections."""
    load = ["-s", str(CONNECTIONS), "-m", str(number), "-l", str(SIZE), "-f", "news@council.example", "-t", "r@x.example"]
    began = time.monotonic()
    subprocess.run([_postfix("smtp-source"), *(["-d"] if keeping else []), *load, f"127.0.0.1:{port}"], check=True)
    return time.monotonic() - began


def nodemailer(port: int, number: int, *, composing: bool = False) -> float:
    """Seconds that nodemailer's pool takes, with a ready message for all or composing one for each."""
    arguments = [str(installing.FOLDER), str(port), str(number), str(SIZE), str(CONNECTIONS), "compose" if composing else "ready"]
    return _seconds("node", str(NODEMAILER), *arguments)


def aiosmtplib(port: int, number: int) -> float:
    """Seconds that plain aiosmtplib takes with a ready message for all."""
    return _seconds(sys.executable, "-m", "benchmarks.aiosmtplib_peer", str(port), str(number), str(SIZE), str(CONNECTIONS))


def _seconds(*command: str) -> float:
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


# Each is given the port of the mail server and the number of messages, and says how many seconds it took.
PEERS: dict[str, Callable[[int, int], float]] = {
    "nodemailer, ready messages": nodemailer,
    "nodemailer, composing each": lambda port, number: nodemailer(port, number, composing=True),
    "smtp-source, connecting for each": smtp_source,
    "smtp-source, keeping connections": lambda port, number: smtp_source(port, number, keeping=True),
    "aiosmtplib": aiosmtplib,
}


def versions() -> dict[str, str]:
    """Of everybody who sends, installed where needed."""
    postfix = installing.said("dpkg-query", "-W", "-f", "${Version}", "postfix")
    return {**installing.npm("nodemailer"), "aiosmtplib": importlib.metadata.version("aiosmtplib"), "postfix": postfix}
