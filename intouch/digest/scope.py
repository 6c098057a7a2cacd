"""Scope: the ward and the weeks that an edition tells of, and what gathering it needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from intouch.issues import categories
from intouch.issues.categories import Categories
from intouch.places.models import Ward
from intouch.settings import Settings


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
    public_url: str

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    @classmethod
    def of(cls, settings: Settings, ward: Ward, *, since: datetime, until: datetime, now: datetime) -> Scope:
        """The scope of ``ward`` as this council is set up."""
        chosen = categories.load(settings.categories_file)
        return cls(ward, since, until, now, settings.zone, settings.smallest_count, chosen, settings.public_url)
