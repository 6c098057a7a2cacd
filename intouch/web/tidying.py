"""Tidying: an address with what a mail program, a sentence or a hand has left behind its end is the address itself."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from intouch.web.headers import PRIVATE

# Tokens and numbers end with a letter, a digit, a hyphen or an underscore; "&amp;" is what some programs make of "&".
_LEFT_BEHIND = re.compile(r"(?:&amp|[^A-Za-z0-9_-])+$")


class Tidy:
    """Serves such an address at once. Starlette would send the browser on, and to where PUBLIC_URL has a path that would be nowhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": _tidied(scope["path"])}
        await self._app(scope, receive, send)


def _tidied(path: str) -> str:
    room = next((room for room in PRIVATE if path.startswith(room)), None)
    if room is None:
        return path.rstrip("/") or "/"
    rest = path.removeprefix(room)
    return room + (_LEFT_BEHIND.sub("", rest) or rest)
