"""Information: the start page, the privacy notice, and what robots and browsers ask for by themselves."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from intouch.surveys import listing
from intouch.web.headers import PRIVATE
from intouch.web.pages import STATIC, page, runtime_of

_LATEST = 3


async def home(request: Request) -> Response:
    """What In Touch is, how to sign up, and the latest results."""
    async with runtime_of(request).sessions.read() as session:
        published = await listing.published(session)
    return page(request, "home", latest=published[:_LATEST])


async def privacy(request: Request) -> Response:
    """Who keeps what about whom, why and for how long."""
    sender = runtime_of(request).settings.email_from
    return page(request, "privacy", contact=sender.rpartition("<")[2].rstrip(">").strip())


async def robots(request: Request) -> Response:
    """Search engines are welcome to everything that is not one person's."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in PRIVATE), "Disallow: /health/"]
    return PlainTextResponse("\n".join(lines) + "\n")


async def favicon(request: Request) -> Response:
    """The icon, for browsers that ask for it where icons used to be."""
    return FileResponse(STATIC / "favicon.svg", media_type="image/svg+xml")
