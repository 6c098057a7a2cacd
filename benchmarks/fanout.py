"""Fan-out: invitations through a Bot API that enforces Telegram's limits: ``python -m benchmarks.fanout [NUMBER …] [--write]``.

Says how long it took against the least time the limits allow, how many 429s there were, and how long each /start in the middle waited.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from benchmarks import page
from benchmarks.delivery import wait_for
from benchmarks.limited_api import PER_SECOND
from benchmarks.taps import free_port

HEADS = (
    "invitations",
    "messages",
    "seconds",
    "least",
    "ratio (goal 1.03)",
    "429s (goal 0)",
    "/start: longest wait (goal 200 ms)",
    "median",
)


def measure(number: int, newcomers: int = 11) -> dict[str, Any]:
    """One fan-out, the Bot API and In Touch each a process of its own."""
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.limited_api", str(port), str(number), str(newcomers)])
    wait_for(port)
    try:
        command = [sys.executable, "-m", "benchmarks.inviting", f"http://127.0.0.1:{port}", str(number)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        server.terminate()
        server.wait()
    if done.returncode:
        raise SystemExit(f"The fan-out failed:\n{done.stderr[-3000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    # A reply that was refused waits in the outbox too, beside the invitations.
    if set(figures["states"]) != {"sent"} or figures["invited"] < number or len(figures["waited"]) < figures["came"]:
        raise SystemExit(f"Not everybody was reached: {figures}")
    return figures


def row(number: int, took: dict[str, Any]) -> tuple[str, ...]:
    ratio = f"{took['seconds'] / took['least']:.3f}" if took["least"] else "–"
    waited = [f"{milliseconds * 1000:.0f} ms" for milliseconds in took["waited"]] or ["–"]
    spans = f"{took['seconds']:.1f}", f"{took['least']:.0f}", ratio
    return (f"{number:,}", f"{took['messages']:,}", *spans, str(took["refused"]), waited[-1], waited[len(waited) // 2])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("numbers", type=int, nargs="*", default=[1000])
    arguments.add_argument("--newcomers", type=int, default=11)
    arguments.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    chosen = arguments.parse_args()
    rows = [row(number, measure(number, chosen.newcomers)) for number in chosen.numbers]
    said = (
        f"From the first message to the last, with the answers to {chosen.newcomers} newcomers spread over the middle half; least is"
        f" what {PER_SECOND} messages in any second allow, one full second after another."
    )
    page.publish("fan-out", "\n\n".join([said, page.table(HEADS, rows), page.circumstances()]), write=chosen.write)


if __name__ == "__main__":
    main()
