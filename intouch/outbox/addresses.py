"""Addresses: which ones the provider said are gone; nothing is sent to them until their owner comes back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.outbox.models import DeadAddress, Road
from intouch.storage.among import among
from intouch.storage.inserting import insert_ignoring

_TABLE = cast("sa.Table", DeadAddress.__table__)
_DEAD = sa.select(_TABLE.c.address).where(_TABLE.c.road == sa.bindparam("road"), among(_TABLE.c.address, "wanted"))


def same(road: Road, address: str) -> str:
    """The form in which two spellings of one address are equal."""
    return address.strip().lower() if road is Road.EMAIL else address.strip()


async def mark_dead(session: AsyncSession, road: Road, address: str, *, reason: str, now: datetime) -> bool:
    """Remember that nobody is there; False when that was known."""
    row = {"road": road, "address": same(road, address), "reason": reason, "died_at": now}
    return await insert_ignoring(session, DeadAddress, [row], conflict=["road", "address"]) == 1


async def is_dead(session: AsyncSession, road: Road, address: str) -> bool:
    return bool(await dead_among(session, road, [address]))


async def dead_among(session: AsyncSession, road: Road, addresses: Collection[str]) -> set[str]:
    """Those of ``addresses`` that are dead, in the form of ``same``."""
    wanted = [*{same(road, address) for address in addresses}]
    return set(await session.scalars(_DEAD, {"road": road, "wanted": wanted}))


async def revive(session: AsyncSession, road: Road, address: str) -> None:
    """Somebody is there again: the person wrote to us, or confirmed the address anew."""
    await session.execute(sa.delete(DeadAddress).where(DeadAddress.road == road, DeadAddress.address == same(road, address)))
