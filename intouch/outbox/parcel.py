"""Parcel: what a sender knows of a delivery that it has claimed, from then on apart from the row."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple, cast

import sqlalchemy as sa

from intouch.outbox.models import Delivery, Lane, Road

TABLE = cast("sa.Table", Delivery.__table__)


class Parcel(NamedTuple):
    """A claimed delivery. ``tries`` counts the attempt that it was claimed for.

    No ORM object: hundreds are claimed at once, and what changes from here on changes in the database alone.
    """

    id: int
    key: str
    kind: str
    road: Road
    lane: Lane
    address: str
    payload: dict[str, Any]
    owner: str | None
    batch: str | None
    tries: int
    unseen: int
    due_at: datetime
    provider_id: str | None
    error: str | None
    created_at: datetime


COLUMNS = [TABLE.c[name] for name in Parcel._fields]
