"""A Bot API that enforces Telegram's limits, for the fan-out; a process of its own: PORT NUMBER NEWCOMERS.

It takes 30 messages in any second and one a second to each chat; more is a 429. While the middle half of so many invitations goes out,
newcomers send /start, and it times how long each waits for the answer.
"""

from __future__ import annotations

import asyncio
import collections
import sys
import time
from typing import Any

from aiohttp import web

from benchmarks.bot_api import ME, SENT, TRUE, answer, read

PER_SECOND = 30
FIRST_NEWCOMER = 900_000_000


class LimitedApi:
    def __init__(self, number: int, newcomers: int) -> None:
        # How many invitations are out when each newcomer comes.
        self.cues = [number // 4 + number * (2 * at + 1) // (4 * newcomers) for at in range(newcomers)]
        self.last: collections.deque[float] = collections.deque()
        self.chats: dict[int, float] = {}
        self.times: list[float] = []
        self.invited = 0
        self.refused = 0
        self.came: dict[int, float] = {}
        self.waited: dict[int, float] = {}
        self.updates: list[dict[str, Any]] = []

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        method = request.path.rpartition("/")[2]
        given = read(request, await request.read())
        if method == "figures":
            return web.json_response(self.figures())
        if method == "getUpdates":
            return await self.hand_out()
        if method == "sendMessage":
            return self.send(int(given["chat_id"]))
        return answer(ME if method == "getMe" else TRUE)

    def figures(self) -> dict[str, Any]:
        span = self.times[-1] - self.times[0] if self.times else 0.0
        taken = {"invited": self.invited, "messages": len(self.times), "seconds": span, "refused": self.refused}
        return {**taken, "least": least(len(self.times)), "waited": sorted(self.waited.values()), "came": len(self.came)}

    async def hand_out(self) -> web.Response:
        for _ in range(500):
            if self.updates:
                taken, self.updates = self.updates, []
                return web.json_response({"ok": True, "result": taken})
            await asyncio.sleep(0.005)
        return web.json_response({"ok": True, "result": []})

    def send(self, chat: int) -> web.Response:
        now = time.monotonic()
        while self.last and self.last[0] <= now - 1:
            self.last.popleft()
        if len(self.last) >= PER_SECOND or now - self.chats.get(chat, 0.0) < 1:
            self.refused += 1
            said = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 3}}
            return web.json_response(said, status=429)
        self.last.append(now)
        self.chats[chat] = now
        self.times.append(now)
        if chat in self.came:
            self.waited.setdefault(chat, now - self.came[chat])
        elif chat < FIRST_NEWCOMER:
            self.invited += 1
            self.cue(now)
        return answer(SENT)

    def cue(self, now: float) -> None:
        """Somebody new comes by."""
        while self.cues and self.invited >= self.cues[0]:
            self.cues.pop(0)
            chat = FIRST_NEWCOMER + len(self.came)
            self.came[chat] = now
            self.updates.append(start(chat, len(self.came)))


def least(messages: int) -> float:
    """Seconds from the first message to the last that 30 in any second make necessary: 30 at once, and again as soon as may be."""
    return float(max(0, -(-messages // PER_SECOND) - 1))


def start(chat: int, number: int) -> dict[str, Any]:
    person = {"id": chat, "is_bot": False, "first_name": "Grace", "language_code": "en"}
    private = {"id": chat, "type": "private", "first_name": "Grace"}
    return {"update_id": number, "message": {"message_id": 1, "from": person, "chat": private, "date": 1763683200, "text": "/start"}}


async def serve(port: int, number: int, newcomers: int) -> None:
    runner = web.ServerRunner(web.Server(LimitedApi(number, newcomers).handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(*(int(given) for given in sys.argv[1:4])))
