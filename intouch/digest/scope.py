"""Scope: the ward and the weeks that an edition tells of, and what gathering it needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from intouch.issues.categories import Categories
from intouch.places.models import Ward


@dataclass(frozen=True)
class Scope:
    """What happened in ``ward`` at ``since`` or later and before ``until``, as seen at ``now``.

    ``smallest``: no count of fewer people is shown. ``zone``: the council's calendar.
    """

    ward: Ward
    since: datetime
    until: datetime
    now: datetime
    zone: ZoneInfo
    smallest: int
    categories: Categories

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()
