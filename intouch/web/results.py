"""Results: what people said, for everybody to read."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from intouch.surveys import listing as surveys
from intouch.web.pages import page, runtime_of


async def listing(request: Request) -> Response:
    """All surveys whose results are published, newest first."""
    async with runtime_of(request).sessions.read() as session:
        published = await surveys.published(session)
    return page(request, "results", surveys=published)
