"""Serving: the web pages on a socket, inside the same loop as everything else."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import uvicorn
from starlette.types import ASGIApp

from intouch.errors import InTouchError
from intouch.web.bounding import BoundedHead


class PortTaken(InTouchError):
    """Something else listens on the address that we were told to use."""


def bind(listen: str) -> socket.socket:
    """A listening socket on ``host:port``; raises ``PortTaken`` with what to do."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's algorithm on: then each answer on a kept connection waits 40 ms for an acknowledgement.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, int(port)))
    except (OSError, OverflowError) as error:
        found.close()
        why = getattr(error, "strerror", None) or "there is no such port"
        raise PortTaken(f"Can't listen on {listen} ({why}). Stop what uses that port, or set INTOUCH_LISTEN to another.") from None
    return found


class WebServer:
    """Serves one ASGI application; leaves the process's signals alone, for the whole house stops together."""

    def __init__(self, application: ASGIApp, listening: socket.socket) -> None:
        self._socket = listening
        # Behind a council's proxy the client's address is in X-Forwarded-For; uvicorn trusts it from loopback only.
        config = uvicorn.Config(
            application,
            http=BoundedHead,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=5,
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        self._server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]

    async def run(self) -> None:
        """Serve until cancelled, then finish the requests under way."""
        serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        try:
            await asyncio.shield(serving)
        finally:
            self._server.should_exit = True
            await asyncio.wait([serving], timeout=6)
            self._socket.close()
