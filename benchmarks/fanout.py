"""Fan-out: invitations through a simulated Bot API that enforces Telegram's limits: ``python -m benchmarks.fanout [NUMBER]``.

Prints how long it took against the least time the limits allow, how many 429s there were, and how long a /start in the middle waited.
"""

from __future__ import annotations

import asyncio
import collections
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from aiohttp import web

from benchmarks.answering_bot import prepare
from benchmarks.answers import ask, free_port
from benchmarks.bot_api import ME, SENT, TRUE, answer, read
from benchmarks.delivery import wait_for
from intouch import app, logs
from intouch import settings as settings_module
from intouch.outbox.models import Delivery, State
from intouch.storage import upgrade

PER_SECOND = 30
NEWCOMER = 999_999_999


class LimitedApi:
    """Takes 30 messages in any second and one a second to each chat; more is a 429."""

    def __init__(self) -> None:
        self.last: collections.deque[float] = collections.deque()
        self.chats: dict[str, float] = {}
        self.refused = 0
        self.times: list[float] = []
        self.started_at = 0.0
        self.start_waited = 0.0
        self.updates: list[dict[str, Any]] = []

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        method = request.path.rpartition("/")[2]
        given = read(request, await request.read())
        if method == "start":
            self.updates.append(start())
            self.started_at = time.monotonic()
        elif method == "figures":
            span = self.times[-1] - self.times[0] if self.times else 0.0
            figures = {"sent": len(self.times), "seconds": span, "refused": self.refused, "start": self.start_waited}
            return web.json_response(figures)
        elif method == "getUpdates":
            return await self.hand_out()
        elif method == "sendMessage":
            return self.send(str(given["chat_id"]))
        return answer(ME if method == "getMe" else TRUE)

    async def hand_out(self) -> web.Response:
        for _ in range(500):
            if self.updates:
                taken, self.updates = self.updates, []
                return web.json_response({"ok": True, "result": taken})
            await asyncio.sleep(0.005)
        return web.json_response({"ok": True, "result": []})

    def send(self, chat: str) -> web.Response:
        now = time.monotonic()
        while self.last and self.last[0] <= now - 1:
            self.last.popleft()
        if chat == str(NEWCOMER):
            self.start_waited = self.start_waited or now - self.started_at
        if len(self.last) >= PER_SECOND or now - self.chats.get(chat, 0.0) < 1:
            self.refused += 1
            said = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 3}}
            return web.json_response(said, status=429)
        self.last.append(now)
        self.chats[chat] = now
        if chat != str(NEWCOMER):
            self.times.append(now)
        return answer(SENT)


def start() -> dict[str, Any]:
    person = {"id": NEWCOMER, "is_bot": False, "first_name": "Grace", "language_code": "en"}
    chat = {"id": NEWCOMER, "type": "private", "first_name": "Grace"}
    return {"update_id": 1, "message": {"message_id": 1, "from": person, "chat": chat, "date": 1763683200, "text": "/start"}}


async def serve(port: int) -> None:
    runner = web.ServerRunner(web.Server(LimitedApi().handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


async def run(api: str, number: int) -> None:
    logs.configure("warning")
    with tempfile.TemporaryDirectory(dir=".") as folder:
        token = "123456:a-token-for-benchmarks"
        settings = settings_module.load(data_dir=Path(folder), secret_key="x", telegram_token=token, telegram_api_url=api)
        application = app.Application(settings, parts=("bot", "sender"))
        await upgrade.make_ready(application.runtime.sessions.engine)
        await prepare(application.runtime, number, invites=True)
        await application.start()
        asked = False
        waiting = number
        while waiting:
            await asyncio.sleep(1)
            async with application.runtime.sessions.read() as session:
                still = sa.select(sa.func.count()).select_from(Delivery).where(Delivery.state.in_((State.QUEUED, State.SENDING)))
                waiting = await session.scalar(still) or 0
            if not asked and waiting < number / 2:
                asked = True
                await asyncio.to_thread(ask, f"{api}/start")
        await application.stop()
    figures = await asyncio.to_thread(ask, f"{api}/figures")
    least = (figures["sent"] - 1) / PER_SECOND
    print("| invitations | seconds | least | ratio | a second | 429s | /start answered after | load average |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    took = (
        f"{figures['seconds']:.1f} | {least:.1f} | {figures['seconds'] / max(least, 0.01):.3f} | {figures['sent'] / figures['seconds']:.2f}"
    )
    print(f"| {figures['sent']} | {took} | {figures['refused']} | {figures['start'] * 1000:.0f} ms | {os.getloadavg()[0]:.1f} |")


def main(number: int) -> None:
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.fanout", "serve", str(port)])
    wait_for(port)
    try:
        asyncio.run(run(f"http://127.0.0.1:{port}", number))
    finally:
        server.terminate()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(int(sys.argv[2])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
