"""App: the composition root; builds everything once, starts and stops what runs together."""

from __future__ import annotations

from intouch.clock import Clock, SystemClock
from intouch.links import Links
from intouch.runtime import Runtime
from intouch.settings import Settings
from intouch.storage.sessions import Sessions, open_engine
from intouch.templating import Templates


def build_runtime(settings: Settings, clock: Clock | None = None) -> Runtime:
    """Everything an edge is handed, built from the settings; opens no connection yet."""
    templates = Templates(
        zone=settings.zone,
        council_name=settings.council_name,
        globals={"council_address": settings.council_address, "public_url": settings.public_url, "smallest_count": settings.smallest_count},
    )
    return Runtime(
        settings=settings,
        sessions=Sessions(open_engine(settings.database)),
        templates=templates,
        links=Links(settings.signing_key(), settings.public_url),
        clock=clock or SystemClock(),
    )
