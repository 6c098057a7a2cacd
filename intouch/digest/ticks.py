"""Ticks: how late the clocks of the schedule rang, written down so that processes without a schedule can tell it too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.digest.models import Tick
from intouch.storage.inserting import insert

EVERY = "every"  # the clock that rings all the time
INTERVAL = timedelta(minutes=5)


async def note(session: AsyncSession, lateness: Mapping[str, float], *, now: datetime) -> None:
    """These clocks, by name, rang so many seconds late."""
    for name, late in lateness.items():
        row = {"name": name, "late_ms": round(late * 1000), "at": now}
        await session.execute(insert(session, Tick).values(row).on_conflict_do_update(index_elements=["name"], set_=row))


async def lateness(session: AsyncSession, *, now: datetime) -> dict[str, float]:
    """Seconds by clock, of the process that ticked last; one that should have rung again since is late by now."""
    rung = {row.name: row for row in await session.scalars(sa.select(Tick))}
    found = {name: row.late_ms / 1000 for name, row in rung.items()}
    if EVERY in rung:
        found[EVERY] = max(found[EVERY], (now - rung[EVERY].at - INTERVAL).total_seconds())
    return found
