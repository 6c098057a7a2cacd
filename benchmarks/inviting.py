"""In Touch's side of the fan-out: a council that invites everybody to a survey, and what that took, as JSON: API NUMBER."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

import intouch.cli  # noqa: F401 - it sets up the process as for every command
from benchmarks.answering_bot import prepare
from benchmarks.council import states
from benchmarks.taps import ask
from intouch import app, logs
from intouch import settings as settings_module
from intouch.storage import revision

SLOWEST = 15  # invitations a second, half of what may be: who is slower than that will not finish


async def _until_invited(api: str, number: int) -> dict[str, Any]:
    """Ask Telegram, not the database, which the sender needs for itself."""
    until = time.monotonic() + 60 + number / SLOWEST
    while True:
        figures = await asyncio.to_thread(ask, f"{api}/figures")
        if figures["invited"] >= number or time.monotonic() > until:
            return figures
        await asyncio.sleep(1)


async def invite(api: str, number: int, folder: Path) -> dict[str, Any]:
    token = "123456:a-token-for-benchmarks"
    settings = settings_module.load(data_dir=folder, secret_key="x", telegram_token=token, telegram_api_url=api)
    application = app.Application(settings, parts=("bot", "sender"))
    await revision.make_ready(application.runtime.sessions.engine)
    await prepare(application.runtime, number, invites=True)
    cpu = time.process_time()
    await application.start()
    figures = await _until_invited(api, number)
    await asyncio.sleep(2)  # the last outcomes are written, the last newcomers answered
    cpu = time.process_time() - cpu
    figures = await asyncio.to_thread(ask, f"{api}/figures")
    found = await states(application.runtime)
    await application.stop()
    return {**figures, "states": found, "cpu": cpu, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main(api: str, number: int) -> None:
    logs.configure("warning")
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(uvloop.run(invite(api, number, Path(folder)))))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
