"""Reviving: a councillor's or an officer's address that was given up, and works again, is written to again."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.bounces.models import TroubledAddress
from intouch.bounces.stopping import COMPLAINT
from intouch.council.models import Councillor, Officer
from intouch.errors import NotAllowed, NotFound
from intouch.outbox import addresses
from intouch.outbox.models import DeadAddress, Road

_NOT_OURS = (
    "That is no councillor's or officer's address. Residents confirm theirs again: with /settings in the bot, or by signing up again."
)


async def revive(session: AsyncSession, text: str) -> str:
    """Write to this address again; the address as we know it. A resident's is not for others to revive: they prove it themselves."""
    address = addresses.same(Road.EMAIL, text)
    dead = await session.get(DeadAddress, (Road.EMAIL, address))
    if dead is None:
        raise NotFound(f"“{address[:80]}” was not given up, so there is nothing to do. `intouch delivery list` shows what did not arrive.")
    if dead.reason == COMPLAINT:
        raise NotAllowed("Its reader called our emails spam, so only they can ask for them again.")
    if not await _is_official(session, address):
        raise NotAllowed(_NOT_OURS)
    await addresses.revive(session, Road.EMAIL, address)
    await session.execute(sa.delete(TroubledAddress).where(TroubledAddress.address == address))
    return address


async def _is_official(session: AsyncSession, address: str) -> bool:
    councillor = sa.select(Councillor.id).where(sa.func.lower(Councillor.email) == address, Councillor.is_active)
    officer = sa.select(Officer.id).where(sa.func.lower(Officer.email) == address)
    return await session.scalar(councillor.union_all(officer).limit(1)) is not None
