"""Cast: wards and residents that the tests of sign-up, email and erasure share."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.outbox.models import Delivery
from intouch.places.models import Ward
from intouch.residents import email, signup, subscriptions, wards
from intouch.residents.models import Resident
from intouch.runtime import Runtime
from tests.places.squares import three_wards

ALICE, BOB = 1001, 1002
WORDING = "I agree that the council keeps my first name."


async def city(runtime: Runtime) -> list[Ward]:
    """Southwick, Fulwell and Roker."""
    async with runtime.sessions.write() as session:
        return await three_wards(session)


async def alice(
    session: AsyncSession, *, now: datetime, telegram_id: int = ALICE, name: str = "Alice", postcode: str = "SR5 2AA"
) -> Resident:
    """A resident who signed up by Telegram, without email, not on the sounding board."""
    resident = await signup.begin(session, telegram_id=telegram_id, first_name=name, language="en", now=now)
    signup.agree(session, resident, wording=WORDING, now=now)
    await wards.by_postcode(session, resident, postcode, on=now.date())
    resident.was_asked_email = True
    await signup.answer_board(session, resident, joins=False, now=now)
    assert await signup.finish(session, resident, now=now)
    return resident


async def with_email(session: AsyncSession, runtime: Runtime, resident: Resident, address: str, *, now: datetime) -> None:
    """The resident gave this address and confirmed it."""
    await email.ask_confirmation(session, resident, address, links=runtime.links, now=now)
    await email.confirm(session, resident_id=resident.id, address=email.normalise(address), now=now)


async def held(session: AsyncSession, resident_id: int) -> set[str]:
    """The active subscriptions as ``topic/channel``."""
    return {f"{one.topic.value}/{one.channel.value}" for one in await subscriptions.active(session, resident_id)}


async def letters(session: AsyncSession, address: str = "") -> list[Delivery]:
    """The letters in the outbox, to one address where given."""
    query = sa.select(Delivery).where(Delivery.kind == "letter").order_by(Delivery.id)
    return list(await session.scalars(query.where(Delivery.address == address) if address else query))
