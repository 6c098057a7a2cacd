"""Serving: an ASGI application on a loopback port of its own, in the event loop that is running."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn


@contextlib.asynccontextmanager
async def serve(application: Any, *, port: int = 0) -> AsyncIterator[int]:
    """Serve ``application`` on 127.0.0.1 (port 0: a free one) while the block runs; gives the port."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # by name: asyncio then sends small writes at once
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(application, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    # Signals belong to whoever owns the loop, not to one of the servers in it.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn tells it in no other way
            await asyncio.sleep(0.005)
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        await task
        listener.close()
