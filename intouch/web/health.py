"""Health: whether this process lives, and whether it can do its work."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from intouch.storage import revision
from intouch.web.pages import runtime_of

_PATIENCE = 3.0


async def live(request: Request) -> Response:
    """200 for as long as the loop runs."""
    return PlainTextResponse("alive\n")


async def ready(request: Request) -> Response:
    """200 when the database is reachable and at the newest migration; 503 with the reason else."""
    reason = await _reason(request)
    if reason:
        return JSONResponse({"ready": False, "reason": reason}, status_code=503)
    return JSONResponse({"ready": True})


async def _reason(request: Request) -> str:
    try:
        async with asyncio.timeout(_PATIENCE):
            found = await revision.current(runtime_of(request).sessions.engine)
    except TimeoutError:
        return "The database does not answer."
    except Exception as error:  # whatever a driver raises: the probe has to say so, without the URL in the message
        return f"The database cannot be reached ({type(error).__name__})."
    if found != revision.newest():
        return "The database is not at the newest migration. Run `intouch db upgrade`."
    return ""
