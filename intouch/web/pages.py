"""Pages: turning a template under ``templates/web`` into a response, with what every page needs."""

from __future__ import annotations

import hashlib
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from intouch.runtime import Runtime

STATIC = Path(__file__).parent / "static"


def runtime_of(request: Request) -> Runtime:
    """The runtime that ``application.create`` was given."""
    runtime: Runtime = request.app.state.runtime
    return runtime


def page(request: Request, name: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """``templates/web/<name>.html`` as a response; its links respect a path in PUBLIC_URL."""
    text = runtime_of(request).templates.text(
        f"web/{name}.html",
        url=lambda path: _prefix(request) + path,
        asset=lambda file: f"{_prefix(request)}/static/{file}?v={_fingerprint(file)}",
        path=request.url.path,
        bot_name=request.app.state.bot_name,
        **values,
    )
    return HTMLResponse(text, status_code=status)


def see(request: Request, path: str) -> RedirectResponse:
    """After a form was posted: go and look at ``path``, so that reloading the page posts nothing again."""
    return RedirectResponse(_prefix(request) + path, status_code=303)


def today(request: Request) -> date:
    """The present day in the council's time zone."""
    runtime = runtime_of(request)
    return runtime.now().astimezone(runtime.settings.zone).date()


def _prefix(request: Request) -> str:
    return urlsplit(runtime_of(request).links.public_url).path.rstrip("/")


@cache
def _fingerprint(file: str) -> str:
    # A new version of In Touch brings new files under new addresses, so browsers may keep the old ones for good.
    return hashlib.sha256((STATIC / file).read_bytes()).hexdigest()[:12]
