"""Parcel: what a sender knows of a delivery that it has claimed, from then on apart from the row."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, cast

import sqlalchemy as sa

from intouch.outbox.models import Delivery, Lane, Road

TABLE = cast("sa.Table", Delivery.__table__)


class Parcel(NamedTuple):
    """A claimed delivery. ``tries`` counts the attempt that it was claimed for; the payload is read and never written to.

    No ORM object: hundreds are claimed at once, and what changes from here on changes in the database alone.
    """

    road: Road
    lane: Lane
    payload: dict[str, Any]
    id: int
    key: str
    kind: str
    address: str
    owner: str | None
    batch: str | None
    tries: int
    unseen: int
    provider_id: str | None
    error: str | None
    created_at: datetime


_AS_THEY_ARE = ("id", "key", "kind", "address", "owner", "batch")
_REST = ("unseen", "provider_id", "error", "created_at")
# Of a delivery that is being claimed: the payload as its text, since nearly all of a batch have the same, and this try counted.
COLUMNS = [
    sa.cast(TABLE.c.payload, sa.Text),
    *(TABLE.c[name] for name in _AS_THEY_ARE),
    (TABLE.c.tries + 1).label("tries"),
    *(TABLE.c[name] for name in _REST),
]


def parcel(road: Road, lane: Lane, row: sa.Row[Any]) -> Parcel:
    """The parcel of a row of ``COLUMNS``, found where it was looked for."""
    return Parcel._make((road, lane, _read(row[0]), *row[1:]))


_read = lru_cache(maxsize=256)(json.loads)
