"""Bounding: a request's head and its body are at most so long, whether it says its length or comes in pieces."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from intouch.web import failing

MOST_HEAD = 65_536  # bytes; what is under way when they are over still counts, so that nobody is refused below them


class BoundedHead(HttpToolsProtocol):
    """uvicorn's fastest reading of HTTP, which by itself reads a head, or one header, without end."""

    _head_bytes = 0
    _is_in_head = False

    def data_received(self, data: bytes) -> None:
        was_in_head = self._is_in_head
        super().data_received(data)
        if not (was_in_head and self._is_in_head):
            return
        self._head_bytes += len(data)
        if self._head_bytes > MOST_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of this request is too long.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        super().on_headers_complete()


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
