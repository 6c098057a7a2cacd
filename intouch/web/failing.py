"""Failing: what a person reads when something cannot be done, and what is logged when it is our fault."""

from __future__ import annotations

import secrets
import traceback

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from intouch import errors, links, logs
from intouch.storage.sessions import is_storage_failure
from intouch.web.pages import page

log = logs.get("web")

_STATUS: tuple[tuple[type[errors.InTouchError], int], ...] = (
    (links.ExpiredLink, 410),
    (links.BadLink, 404),
    (errors.NotFound, 404),
    (errors.Closed, 410),
    (errors.NotAllowed, 403),
)
_NAMED = {404: "missing", 429: "slow_down", 413: "too_large"}


async def sentence(request: Request, error: Exception) -> Response:
    """An ``InTouchError``: its sentence, on a page with a way on."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 400)
    return page(request, "sentence", status=status, sentence=str(error), is_expired=isinstance(error, links.ExpiredLink))


async def http_error(request: Request, error: Exception) -> Response:
    """404, 405, 413, 429 and the like, in the same look; OPTIONS says what the address takes."""
    if not isinstance(error, HTTPException):
        raise error
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = allowed(request)
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
    response = page(request, _NAMED.get(error.status_code, "refused"), status=error.status_code)
    response.headers.update(headers)
    return response


def allowed(request: Request) -> str:
    """All methods that some route takes at this address, for ``Allow``."""
    methods = {"OPTIONS"}
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] != Match.NONE:
            methods |= route.methods or set()
    return ", ".join(sorted(methods))


class Failing:
    """Answers a bug with an apology and an id, and logs where it was: never a value, which may be personal."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def noting_send(message: Message) -> None:
            nonlocal has_begun
            has_begun = has_begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        except ClientDisconnect:
            return  # before all of the body was here: there is nobody to answer, and nothing of ours is broken
        except Exception as error:
            error_id = note(error, scope)
            if has_begun:
                raise
            request = Request(scope, receive)
            is_storage = is_storage_failure(error)
            response = page(request, "apology", status=503 if is_storage else 500, error_id=error_id, is_passing=is_storage)
            await response(scope, receive, send)


def note(error: Exception, scope: Scope) -> str:
    """Log a bug under a new id: its type and the lines it came through; the message may hold what people wrote."""
    error_id = secrets.token_hex(4)
    frames = [f"{frame.filename.rpartition('/intouch/')[2]}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    room = scope["path"].split("/")[1]  # what follows may be a token
    log.error("web.failed", error_id=error_id, kind=type(error).__name__, method=scope["method"], room=room, at=frames[-6:])
    return error_id
