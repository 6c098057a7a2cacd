"""What the tests of bounces share: Alice, who has the bot and gets email, and emails that went to her."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.bounces.intake import Intake
from intouch.bounces.verp import ReturnPath
from intouch.outbox import addresses, enqueue
from intouch.outbox.models import Delivery, Lane, Road, State
from intouch.residents.models import Resident
from intouch.runtime import Runtime
from tests.residents import cast

ADDRESS = "alice@example.org"
PATHS = ReturnPath("bounce@mail.council.example", b"a-key-for-tests")


def intake_of(runtime: Runtime) -> Intake:
    return Intake(runtime.sessions, runtime.templates, runtime.clock, PATHS)


async def sign_up(runtime: Runtime) -> int:
    """Alice of Southwick, in the chat and by email; nothing is left in the outbox."""
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        resident = await cast.alice(session, now=runtime.now())
        await cast.with_email(session, runtime, resident, ADDRESS, now=runtime.now())
        await session.execute(sa.delete(Delivery))
        return resident.id


async def send(runtime: Runtime, owner: int, *, key: str = "digest:1", address: str = ADDRESS) -> int:
    """An email that has left for ``address``; its number."""
    now = runtime.now()
    async with runtime.sessions.write() as session:
        draft = enqueue.Draft(
            key=key,
            kind="letter",
            road=Road.EMAIL,
            lane=Lane.BULK,
            address=address,
            owner=f"resident:{owner}",
            due_at=now,
        )
        await enqueue.enqueue(session, draft)
        found = (await session.scalars(sa.select(Delivery).where(Delivery.key == key))).one()
        found.state, found.tries, found.settled_at = State.SENT, 1, now
        return found.id


async def is_dead(runtime: Runtime, address: str = ADDRESS) -> bool:
    async with runtime.sessions.read() as session:
        return await addresses.is_dead(session, Road.EMAIL, address)


async def told(session: AsyncSession) -> list[Delivery]:
    """What waits for the chat."""
    return list(await session.scalars(sa.select(Delivery).where(Delivery.road == Road.TELEGRAM).order_by(Delivery.id)))


async def gets(runtime: Runtime, resident_id: int) -> set[str]:
    async with runtime.sessions.read() as session:
        return await cast.held(session, resident_id)


async def confirm_anew(runtime: Runtime, resident_id: int, *, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        resident = await session.get_one(Resident, resident_id)
        await cast.with_email(session, runtime, resident, ADDRESS, now=now)
