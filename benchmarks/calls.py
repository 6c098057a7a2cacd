"""How many calls a second PTB makes on our aiohttp request: ``python -m benchmarks.calls [NUMBER]``; the server is a process of its own."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys

from aiohttp import web

from benchmarks.delivery import begin, show, wait_for
from intouch.channels.telegram import open_bot
from intouch.settings import load

SENT = b'{"ok":true,"result":{"message_id":1,"date":1,"chat":{"id":1,"type":"private"},"text":"x"}}'


async def answer(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(body=SENT, content_type="application/json")


def serve(port: int) -> None:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    web.run_app(application, host="127.0.0.1", port=port, print=None)


async def call(port: int, number: int, in_flight: int = 64) -> None:
    bot = open_bot(load(telegram_token="123456:a-token-for-benchmarks", telegram_api_url=f"http://127.0.0.1:{port}"))
    numbers = iter(range(number))

    async def speak() -> None:
        for chat in numbers:
            await bot.send_message(chat, "<b>Hello</b>", parse_mode="HTML")

    began = begin()
    await asyncio.gather(*(speak() for _ in range(in_flight)))
    show(f"sendMessage, {in_flight} in flight", number, began)
    await bot._request[1].shutdown()


def main(number: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.calls", "serve", str(port)])
    wait_for(port)
    try:
        asyncio.run(call(port, number))
    finally:
        server.terminate()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
