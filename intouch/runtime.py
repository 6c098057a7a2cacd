"""Runtime: settings, sessions, templates, links and clock; all that an edge is handed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from intouch.clock import Clock
from intouch.links import Links
from intouch.settings import Settings
from intouch.storage.sessions import Sessions
from intouch.templating import Templates


@dataclass(frozen=True)
class Runtime:
    """What the application was built from; nothing in it changes while it runs."""

    settings: Settings
    sessions: Sessions
    templates: Templates
    links: Links
    clock: Clock

    def now(self) -> datetime:
        return self.clock.now()
