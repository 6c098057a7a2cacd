"""Page: the addresses of the demo page; everything else falls through to the council's own pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from intouch.demo import cast, chats, city, mails
from intouch.demo.chats import STATIC, stage_of
from intouch.demo.stage import Stage
from intouch.errors import InTouchError
from intouch.templating import dated

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_CALM = 0.1  # seconds between two events, however much happens


def create(stage: Stage, council: ASGIApp) -> ASGIApp:
    """The demo's page and API in front of ``council``, the application's own pages, whose home is at ``/home``."""
    demo = Starlette(
        routes=[
            Route("/", _page),
            Mount("/demo/static", StaticFiles(directory=STATIC)),
            Route("/demo/state", _state),
            Route("/demo/events", _events),
            Route("/demo/time/{what}", _let_time_pass, methods=["POST"]),
            Route("/demo/files/{file_id}", chats.file),
            Route("/demo/chat/{key}", chats.show),
            Route("/demo/chat/{key}/send", chats.send, methods=["POST"]),
            Route("/demo/chat/{key}/tap", chats.tap, methods=["POST"]),
            Route("/demo/chat/{key}/location", chats.share_location, methods=["POST"]),
            Route("/demo/chat/{key}/photo", chats.send_photo, methods=["POST"]),
            Route("/demo/chat/{key}/block", chats.block, methods=["POST"]),
            Route("/demo/mail", mails.listing),
            Route("/demo/mail/{number:int}", mails.show),
            Route("/demo/mail/{number:int}/html", mails.html),
        ],
        middleware=[Middleware(_OwnPageOnly)],
    )
    demo.state.stage = stage

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "http" and (path == "/" or path.startswith("/demo/")):
            await demo(scope, receive, send)
        else:
            await council({**scope, "path": "/", "raw_path": b"/"} if path == "/home" else scope, receive, send)

    return front


class _OwnPageOnly:
    """Security headers on every answer; a request that another site's page makes is refused."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Request(scope).headers
        is_local = headers.get("host", "").rpartition(":")[0].strip("[]") in ("127.0.0.1", "localhost", "::1")
        is_own = headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
        if not is_local or (scope["method"] == "POST" and not is_own):
            return await Response("The demo answers only its own page on this machine.", status_code=403)(scope, receive, send)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    answer.setdefault(name, value)
            await send(message)

        return await self._app(scope, receive, with_headers)


async def _page(request: Request) -> Response:
    stage = stage_of(request)
    rows = max(tile.row for tile in city.TILES) + 1
    places = {(tile.column, tile.row): tile for tile in city.TILES}
    grid = [[places.get((column, row)) for column in range(6)] for row in range(rows)]
    council = stage.runtime.settings.council_name
    page = stage.runtime.templates.text("web/demo/page.html", cast=cast.CAST, grid=grid, areas=city.AREAS, council=council)
    return HTMLResponse(page)


async def _state(request: Request) -> Response:
    return JSONResponse(_snapshot(stage_of(request)))


def _snapshot(stage: Stage) -> dict[str, Any]:
    """What the page compares to know what to fetch again: the newest change of each chat, and how many emails there are."""
    newest = {}
    for member in cast.WITH_A_PHONE:
        user = stage.telegram.person(member.telegram_id, member.name).user
        newest[member.key] = [max((message.revision for message in user.messages), default=0), len(user.messages), bool(user.keyboard)]
    local = stage.now().astimezone(stage.runtime.settings.zone)
    return {
        "chats": newest,
        "mails": len(stage.box.messages),
        "commands": sum(len(commands) for commands in stage.telegram.world.commands.values()),
        "day": dated(local),
        "time": f"{local:%H:%M}",
    }


async def _events(request: Request) -> Response:
    return StreamingResponse(_stream(stage_of(request)), media_type="text/event-stream")


async def _stream(stage: Stage) -> AsyncIterator[str]:
    """One event whenever something of the cast's or the time changed."""
    last = ""
    while not stage.is_closing.is_set():
        # Noted before looking, so that nothing is missed between looking and waiting.
        revision, mails = stage.telegram.world.revision, len(stage.box.messages)
        now = json.dumps(_snapshot(stage))
        if now != last:
            last = now
            yield f"data: {now}\n\n"
        waits = [
            asyncio.ensure_future(one)
            for one in (stage.telegram.world.changed(revision), stage.box.changed(mails), stage.is_closing.wait())
        ]
        try:
            await asyncio.wait(waits, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        await asyncio.sleep(_CALM)
        yield ": still here\n\n"


async def _let_time_pass(request: Request) -> Response:
    stage = stage_of(request)
    buttons = {"pulse": stage.launch_pulse, "close": stage.close_survey, "friday": stage.go_to_friday, "monday": stage.go_to_monday}
    button = buttons.get(request.path_params["what"])
    if button is None:
        return JSONResponse({"note": "There is no such button."}, status_code=404)
    try:
        return JSONResponse({"note": await button()})
    except InTouchError as error:
        return JSONResponse({"note": str(error)}, status_code=409)
