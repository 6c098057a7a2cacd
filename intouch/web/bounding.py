"""Bounding: a request's body is at most so long, whether it says its length or comes in pieces."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from intouch.web import failing


class Bounded:
    """Answers a longer body with the page that says so.

    Starlette's own limit answers in plain text, outside the handlers, and ends what it interrupts with an exception
    that looks like a bug of ours.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and (len(length) > len(str(self._most)) or int(length) > self._most):
            response = await failing.http_error(Request(scope, receive), HTTPException(413))
            await response(scope, receive, send)
            return
        read = 0

        async def counting() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most:
                raise HTTPException(413)
            return message

        await self._app(scope, counting, send)
