"""A light Bot API for the benchmarks: hands out taps, takes calls after a set latency, and times each tap until it is answered."""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import time
from typing import Any
from urllib.parse import parse_qs

import aiohttp
from aiohttp import web

TRUE = b'{"ok":true,"result":true}'
ME = b'{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"Bench","username":"bench_bot"}}'
SENT = b'{"ok":true,"result":{"message_id":1,"date":1,"chat":{"id":1,"type":"private"},"text":"x"}}'
# A tap counts as done once its wheel has stopped and its message has changed.
PARTS = {"answerCallbackQuery": 1, "editMessageText": 2, "sendMessage": 2}


class Load:
    """Taps of ``number`` people, one each: at most ``flight`` unanswered at a time, or ``rate`` of them a second."""

    def __init__(self, *, number: int, flight: int, rate: float, data: str) -> None:
        self.number, self.flight, self.rate, self.data = number, flight, rate, data
        self.made = 0
        self.pending: collections.deque[tuple[int, bytes]] = collections.deque()
        self.open: dict[int, tuple[float, int]] = {}
        self.took: list[float] = []
        self.bell = asyncio.Event()
        self.began = 0.0
        self.ended = 0.0

    def fill(self) -> None:
        """Let as many people tap as may."""
        now = time.monotonic()
        self.began = self.began or now
        allowed = min(self.number, int((now - self.began) * self.rate)) if self.rate else self.number
        while self.made < allowed and (self.rate or len(self.open) < self.flight):
            self.made += 1
            self.pending.append((self.made, tap(self.made, self.data)))
            self.open[self.made] = (now, 0)
        if self.pending:
            self.bell.set()

    def note(self, person: int, method: str) -> None:
        began, parts = self.open.get(person, (0.0, 3))
        parts |= PARTS.get(method, 0)
        if person not in self.open:
            return
        if parts < 3:
            self.open[person] = (began, parts)
            return
        del self.open[person]
        self.ended = time.monotonic()
        self.took.append(self.ended - began)
        self.fill()

    def figures(self) -> dict[str, float]:
        took = sorted(self.took) or [0.0]
        return {
            "done": len(self.took),
            "seconds": self.ended - self.began,
            "p50": took[len(took) // 2],
            "p99": took[min(len(took) - 1, int(len(took) * 0.99))],
        }


def tap(number: int, data: str) -> bytes:
    """An update as Telegram writes it: somebody taps a button under a message of the bot."""
    chat = {"id": number, "first_name": "Alice", "type": "private"}
    rows = [[{"text": text, "callback_data": data}] for text in ("Every week", "Every month", "Once a year", "Never")]
    message = {
        "message_id": 7,
        "from": {"id": 1, "is_bot": True, "first_name": "Bench", "username": "bench_bot"},
        "chat": chat,
        "date": 1763683200,
        "text": "How often do you use the library?",
        "reply_markup": {"inline_keyboard": rows},
    }
    person = {"id": number, "is_bot": False, "first_name": "Alice", "language_code": "en"}
    query = {"id": str(number), "from": person, "message": message, "chat_instance": "1", "data": data}
    return json.dumps({"update_id": number, "callback_query": query}).encode()


class Api:
    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.load: Load | None = None
        self.webhook: dict[str, Any] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self.calls: collections.Counter[str] = collections.Counter()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        method = request.path.rpartition("/")[2]
        if method == "load":
            return await self.begin(await request.json())
        if method == "figures":
            return web.json_response({**(self.load.figures() if self.load else {}), "calls": dict(self.calls)})
        given = read(request, await request.read())
        self.calls[method] += 1
        if self.latency:
            await asyncio.sleep(self.latency)
        if method.lower() == "getupdates":
            return answer(await self.updates(given))
        if method == "setWebhook":
            self.webhook = given
        elif self.load is not None and method in PARTS:
            # The query's id is the person's, as is the private chat's.
            self.load.note(int(given.get("chat_id") or given.get("callback_query_id") or 0), method)
        return answer(ME if method == "getMe" else SENT if method in ("sendMessage", "editMessageText") else TRUE)

    async def begin(self, wanted: dict[str, Any]) -> web.Response:
        self.load = Load(**wanted)
        self.calls.clear()
        self.tasks = [asyncio.create_task(self.trickle())]
        if self.webhook.get("url"):
            self.tasks += [asyncio.create_task(self.push())]
        self.load.fill()
        return answer(TRUE)

    async def trickle(self) -> None:
        assert self.load is not None
        while self.load.rate and self.load.made < self.load.number:
            await asyncio.sleep(0.005)
            self.load.fill()

    async def updates(self, given: dict[str, Any]) -> bytes:
        until = time.monotonic() + min(5.0, float(given.get("timeout") or 0))
        limit = int(given.get("limit") or 100)
        while time.monotonic() < until:
            if self.load is not None and self.load.pending:
                taken = [self.load.pending.popleft()[1] for _ in range(min(limit, len(self.load.pending)))]
                return b'{"ok":true,"result":[' + b",".join(taken) + b"]}"
            await asyncio.sleep(0.002)
        return b'{"ok":true,"result":[]}'

    async def push(self) -> None:
        load, url, secret = self.load, self.webhook["url"], self.webhook.get("secret_token", "")
        assert load is not None
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret, "Content-Type": "application/json"}
        under_way: set[asyncio.Task[None]] = set()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=256), headers=headers) as client:

            async def post(number: int, body: bytes) -> None:
                await asyncio.sleep(self.latency / 2)
                async with client.post(url, data=body) as response:
                    said = await response.read()
                await asyncio.sleep(self.latency / 2)
                if said[:1] == b"{":
                    self.calls["in the response"] += 1
                    load.note(number, json.loads(said).get("method", ""))

            while True:
                await load.bell.wait()
                load.bell.clear()
                while load.pending:
                    task = asyncio.create_task(post(*load.pending.popleft()))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)


def read(request: web.BaseRequest, body: bytes) -> dict[str, Any]:
    """The parameters of a call, from JSON, a form or the query."""
    if "json" in request.headers.get("Content-Type", ""):
        given: dict[str, Any] = json.loads(body or b"{}")
        return given
    if "multipart" in request.headers.get("Content-Type", ""):
        parts = body.split(b"\r\n")
        names = {part.split(b'name="')[1].split(b'"')[0].decode(): n for n, part in enumerate(parts) if b'name="' in part}
        return {name: b"".join(parts[n + 1 : n + 4]).decode(errors="replace") for name, n in names.items()}
    return {name: values[0] for name, values in parse_qs(body.decode()).items()} or dict(request.query)


def answer(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


async def serve(port: int, latency: float) -> None:
    runner = web.ServerRunner(web.Server(Api(latency).handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--latency", type=float, default=0.0)
    asyncio.run(serve(**vars(parser.parse_args())))
