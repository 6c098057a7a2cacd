"""A Bot API that answers as the test says: status and JSON, or stalls, resets and closes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

TOKEN = "123456:a-secret-token-that-nobody-may-see"


@dataclass
class ScriptedBotApi:
    """``answers``: what to say next, first come first served; then every message is taken."""

    answers: list[Any] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)
    peers: set[Any] = field(default_factory=set)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        self.peers.add(request.transport.get_extra_info("peername"))
        data = await (request.json() if request.content_type == "application/json" else request.post()) if request.method == "POST" else {}
        self.heard.append({"method": request.path.rpartition("/")[2], **data})
        if isinstance(upload := data.get("document"), web.FileField):
            self.heard[-1] |= {"filename": upload.filename, "contents": upload.file.read()}
        if request.path.startswith("/file/"):
            return web.Response(body=b"\x00\xffbytes")
        answer = self.answers.pop(0) if self.answers else None
        if callable(answer):
            await answer(request)
        if isinstance(answer, web.Response):
            return answer
        if isinstance(answer, dict):
            return web.json_response({"ok": False, **answer}, status=answer["error_code"])
        chat = {"id": int(str(data.get("chat_id", 1))), "type": "private"}
        return web.json_response({"ok": True, "result": {"message_id": len(self.heard), "date": 1, "chat": chat, "text": "x"}})


def error(code: int, description: str, **parameters: Any) -> dict[str, Any]:
    """An answer as the Bot API words its errors."""
    return {"error_code": code, "description": description} | ({"parameters": parameters} if parameters else {})


async def stall(_request: web.Request) -> None:
    await asyncio.sleep(3600)


async def reset(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.abort()


def html(status: int) -> web.Response:
    return web.Response(status=status, text="<html>Bad Gateway</html>")


@asynccontextmanager
async def serving(api: ScriptedBotApi, handler: Callable[..., Any] | None = None) -> AsyncIterator[ScriptedBotApi]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler or api.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    api.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    try:
        yield api
    finally:
        await runner.cleanup()


def text_of(value: Any) -> str:
    """Everything that an error would show, chain and all."""
    import traceback

    return json.dumps(traceback.format_exception(value)) + repr(value)
