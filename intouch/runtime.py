"""Runtime: settings, sessions, templates, links and clock; all that an edge is handed, and how it is built."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from intouch.clock import Clock, SystemClock
from intouch.links import Links
from intouch.outbox.bell import Bell
from intouch.settings import Settings
from intouch.storage.sessions import Sessions, open_engine
from intouch.templating import Templates


@dataclass(frozen=True)
class Runtime:
    """What the application was built from; nothing in it changes while it runs."""

    settings: Settings
    sessions: Sessions
    templates: Templates
    links: Links
    clock: Clock
    bell: Bell = field(default_factory=Bell)

    def now(self) -> datetime:
        return self.clock.now()


def build_runtime(settings: Settings, clock: Clock | None = None) -> Runtime:
    """Everything an edge is handed, built from the settings; opens no connection yet."""
    templates = Templates(
        zone=settings.zone,
        council_name=settings.council_name,
        globals={
            "council_address": settings.council_address,
            "public_url": settings.public_url,
            "smallest_count": settings.smallest_count,
            "bot_name": settings.telegram_bot_name,
        },
    )
    return Runtime(
        settings=settings,
        sessions=Sessions(open_engine(settings.database)),
        templates=templates,
        links=Links(settings.signing_key(), settings.public_url),
        clock=clock or SystemClock(),
    )
