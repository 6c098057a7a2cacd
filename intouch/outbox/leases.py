"""Leases: a part that one process plays at a time, such as the bot's poller; taken over when it runs out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.outbox.models import Lease
from intouch.storage.inserting import insert_ignoring

LONGEST_SKEW = timedelta(minutes=5)  # two machines' clocks may differ by so much


def nobody_has(_holder: str) -> bool:
    """Ended, as far as is known where nobody can tell."""
    return False


async def take(
    session: AsyncSession, name: str, *, holder: str, seconds: float, now: datetime, has_ended: Callable[[str], bool] = nobody_has
) -> bool:
    """Take or renew the lease for ``seconds``; False while somebody else holds it who, as far as ``has_ended`` knows, is alive.

    One that runs for much longer was given before the clock was set back: it is shortened, and its holder renews it if alive.
    """
    until = now + timedelta(seconds=seconds)
    if await insert_ignoring(session, Lease, [{"name": name, "holder": holder, "until": until}], conflict=["name"]):
        return True
    free = sa.or_(Lease.holder.in_(await _ended(session, name, has_ended) | {holder}), Lease.until <= now)
    statement = sa.update(Lease).where(Lease.name == name, free).values(holder=holder, until=until)
    if await _changed(session, statement) == 1:
        return True
    too_long = sa.update(Lease).where(Lease.name == name, Lease.until > until + LONGEST_SKEW).values(until=until)
    await _changed(session, too_long)
    return False


async def renew(session: AsyncSession, name: str, *, holder: str, seconds: float, now: datetime) -> bool:
    """Make the lease longer if it is still ours; a lease that ran out stays ours until somebody takes it."""
    until = now + timedelta(seconds=seconds)
    statement = sa.update(Lease).where(Lease.name == name, Lease.holder == holder).values(until=until)
    return await _changed(session, statement) == 1


async def release(session: AsyncSession, name: str, *, holder: str) -> bool:
    """Give the lease up, so that another need not wait for it to run out."""
    return await _changed(session, sa.delete(Lease).where(Lease.name == name, Lease.holder == holder)) == 1


async def _ended(session: AsyncSession, name: str, has_ended: Callable[[str], bool]) -> set[str]:
    return set(filter(has_ended, await session.scalars(sa.select(Lease.holder).where(Lease.name == name))))


async def _changed(session: AsyncSession, statement: sa.Update | sa.Delete) -> int:
    result = await session.execute(statement, execution_options={"synchronize_session": False})
    return cast("sa.CursorResult[Any]", result).rowcount
