"""Files: the style sheets, the script and the icon, which a browser may keep for as long as it likes."""

from __future__ import annotations

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope


class Files(StaticFiles):
    """Static files whose address changes with what is in them (``?v=``), so that a kept copy is never stale."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code in (200, 304):
            days = 365 if b"v=" in scope["query_string"] else 0
            response.headers["Cache-Control"] = f"public, max-age={days * 86_400}"
        return response
