"""Stopping: an address is written to no more, and whoever gave it to us is told in the chat."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council.models import Councillor, Officer
from intouch.outbox import addresses, enqueue
from intouch.outbox.models import Lane, Road
from intouch.residents import reaching
from intouch.residents.deliveries import owner_of
from intouch.residents.models import Resident, ResidentStatus
from intouch.templating import Templates

COMPLAINT = "complaint"
UNSUBSCRIBED = "unsubscribed"


async def gone(session: AsyncSession, address: str, *, reason: str, templates: Templates, now: datetime) -> bool:
    """Nobody is there: nothing goes to this address from here on; False when that was known."""
    if not await addresses.mark_dead(session, Road.EMAIL, address, reason=reason, now=now):
        return False
    await mourn(session, address, templates=templates, now=now)
    return True


async def mourn(session: AsyncSession, address: str, *, templates: Templates, now: datetime) -> None:
    """An address has just died: its owner's subscriptions by email end, and the chat says so."""
    await reaching.email_gone(session, address, now=now)
    await _tell(session, addresses.same(Road.EMAIL, address), templates=templates, now=now)


async def complained(session: AsyncSession, address: str, *, now: datetime) -> bool:
    """The reader called it spam: subscriptions end and nothing more is sent, not even to say so; False when it was known."""
    is_news = await addresses.mark_dead(session, Road.EMAIL, address, reason=COMPLAINT, now=now)
    await reaching.email_gone(session, address, now=now, reason=COMPLAINT)
    return is_news


async def unsubscribed(session: AsyncSession, address: str, *, now: datetime) -> bool:
    """The reader wants no more of it: as with our own button, all that is subscribed to by email ends; False when nothing was."""
    return await reaching.email_gone(session, address, now=now, reason=UNSUBSCRIBED) > 0


async def _tell(session: AsyncSession, address: str, *, templates: Templates, now: datetime) -> None:
    """One message to each chat of whoever has this address, or is just giving it."""
    officials, residents = await _officials(session, address), await _residents(session, address)
    if not officials and not residents:
        return  # as with most who have no chat: nothing is rendered for nobody
    official = templates.telegram("ward/email_bounced", email=address).to_json()
    personal = templates.telegram("account/email_bounced", email=address).to_json()
    # Who is a resident, too, can change the address: their message is the one that stays.
    told = {chat: (owner, official) for owner, chat in officials} | {chat: (owner, personal) for owner, chat in residents}
    drafts = [
        enqueue.Draft(
            key=f"email-gone:{owner}:{now:%Y-%m-%dT%H:%M:%S.%f}",
            kind="message",
            road=Road.TELEGRAM,
            lane=Lane.NOTICE,
            address=str(chat),
            payload=message,
            owner=owner,
            due_at=now,
        )
        for chat, (owner, message) in told.items()
    ]
    await enqueue.enqueue_many(session, drafts)


async def _residents(session: AsyncSession, address: str) -> list[tuple[str, int]]:
    """Owner and chat of each; not of who blocked the bot or said /stop."""
    owns = sa.and_(Resident.email == address, Resident.email_confirmed_at.is_not(None))
    people = sa.select(Resident.id, Resident.telegram_id).where(
        sa.or_(owns, Resident.email_to_confirm == address),
        Resident.telegram_id.is_not(None),
        Resident.telegram_blocked_at.is_(None),
        Resident.status.in_([ResidentStatus.ACTIVE, ResidentStatus.DRAFT]),
    )
    return [(owner_of(resident_id), chat) for resident_id, chat in await session.execute(people) if chat is not None]


async def _officials(session: AsyncSession, address: str) -> list[tuple[str, int]]:
    """The same of councillors and officers."""
    councillors = sa.select(sa.literal("councillor:"), Councillor.id, Councillor.telegram_id).where(
        Councillor.email == address, Councillor.is_active, Councillor.telegram_id.is_not(None)
    )
    officers = sa.select(sa.literal("officer:"), Officer.id, Officer.telegram_id).where(
        Officer.email == address, Officer.telegram_id.is_not(None)
    )
    return [(f"{role}{number}", chat) for role, number, chat in await session.execute(councillors.union_all(officers)) if chat is not None]
