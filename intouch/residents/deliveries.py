"""Deliveries of residents: stopping what has not left yet, and blanking what did."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council.models import Councillor, Officer
from intouch.outbox.models import WAITING, DeadAddress, Delivery, Lane, Road, State
from intouch.residents import subscriptions
from intouch.residents.models import Resident


def owner_of(resident_id: int) -> str:
    """How a delivery names the resident it belongs to."""
    return f"resident:{resident_id}"


async def who_left(session: AsyncSession, owners: Collection[str], since: datetime) -> set[str]:
    """Those of these owners of deliveries who ended something that they got; what waits for them may be just that."""
    residents = [int(number) for kind, _, number in (owner.partition(":") for owner in owners) if kind == "resident"]
    return {owner_of(one) for one in await subscriptions.ended_since(session, residents, since)} if residents else set()


def theirs(resident_ids: Sequence[int], addresses: Sequence[str]) -> sa.ColumnElement[bool]:
    """Which deliveries are these residents': a reply that was sent later has no owner, and is found by its chat."""
    owners = [owner_of(resident_id) for resident_id in resident_ids]
    return sa.or_(Delivery.owner.in_(owners), sa.and_(Delivery.owner.is_(None), Delivery.address.in_(addresses)))


async def cancel_queued(session: AsyncSession, resident_id: int, *, now: datetime) -> None:
    """What is still waiting for this resident does not go out."""
    waiting = sa.update(Delivery).where(Delivery.owner == owner_of(resident_id), Delivery.state.in_(WAITING))
    await session.execute(waiting.values(state=State.CANCELLED, settled_at=now))


async def blank(session: AsyncSession, resident_ids: Sequence[int], addresses: Sequence[str], *, now: datetime) -> None:
    """Take words and addresses out of these residents' deliveries; the keys stay, so nothing goes out twice.

    Replies to a chat have no owner and are found by ``addresses``; those of a councillor or an officer are theirs.
    """
    which = theirs(resident_ids, addresses)
    waiting = sa.update(Delivery).where(which, Delivery.state.in_(WAITING))
    await session.execute(waiting.values(state=State.CANCELLED, settled_at=now))
    dead = sa.delete(DeadAddress).where(DeadAddress.address.in_(sa.select(Delivery.address).where(which)))
    await session.execute(dead.execution_options(synchronize_session=False))
    held = sa.update(Delivery).where(which)
    await session.execute(held.values(address="", payload={}, owner=None, provider_id=None, error=None))
    await revive(session, addresses)


async def forget_strangers(session: AsyncSession) -> None:
    """Take chat and words out of late replies that are done with, where we know nobody in that chat (any more).

    The last word to somebody who was erased may have to wait for Telegram: it comes, and then leaves no trace either.
    """
    chat = sa.case((Delivery.address == "", None), else_=sa.cast(Delivery.address, sa.BigInteger))
    known = [sa.exists().where(one.telegram_id == chat) for one in (Resident, Officer, Councillor)]
    done = (
        Delivery.road == Road.TELEGRAM,
        Delivery.lane == Lane.REPLY,
        Delivery.state.in_([State.SENT, State.FAILED, State.UNKNOWN, State.CANCELLED]),
        Delivery.owner.is_(None),
        Delivery.address != "",
        sa.not_(sa.or_(*known)),
    )
    dead = sa.delete(DeadAddress).where(
        DeadAddress.road == Road.TELEGRAM, DeadAddress.address.in_(sa.select(Delivery.address).where(*done))
    )
    await session.execute(dead.execution_options(synchronize_session=False))
    forgotten = sa.update(Delivery).where(*done).values(address="", payload={}, provider_id=None, error=None)
    await session.execute(forgotten.execution_options(synchronize_session=False))


async def revive(session: AsyncSession, addresses: Sequence[str], *, road: Road | None = None) -> None:
    """These addresses are not known as dead any more."""
    statement = sa.delete(DeadAddress).where(DeadAddress.address.in_(addresses))
    await session.execute(statement if road is None else statement.where(DeadAddress.road == road))
