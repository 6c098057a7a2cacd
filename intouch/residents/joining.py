"""Joining by email alone, without Telegram: a draft that becomes a resident when the address is confirmed."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.errors import BadInput, NotAllowed
from intouch.links import Links
from intouch.places import lookup
from intouch.residents import email as addresses
from intouch.residents import wards
from intouch.residents.models import Resident, ResidentStatus


async def join_by_email(
    session: AsyncSession, *, email: str, postcode: str = "", ward_code: str = "", wants_board: bool, links: Links, now: datetime
) -> None:
    """Send a letter to the address; what the asker sees is the same whether we know the address or not.

    ``BadInput`` or ``NotFound`` say what is wrong with the address, the postcode or the ward before anything is looked up
    about a person. A resident who has this address already gets a letter with their preferences instead, or has to prove an
    address that our letters came back from.
    """
    address = addresses.normalise(email)
    draft = Resident(status=ResidentStatus.DRAFT, created_at=now, was_asked_email=True, was_asked_board=True, wants_board=wants_board)
    await _settle(session, draft, postcode, ward_code, on=now.date())
    owner = await addresses.owner_of(session, address)
    if owner is not None and await addresses.reaches(session, owner):
        url = links.url("preferences", "preferences", owner.id)
        await addresses.send_letter(session, owner, address, "already_joined", {"url": url}, links=links, now=now)
        return
    if owner is None:
        session.add(draft)
        await session.flush()
    try:
        await addresses.ask_confirmation(session, owner or draft, address, links=links, now=now)
    except NotAllowed:
        # Saying so would tell a stranger that somebody asked for this address today.
        if owner is None:
            await session.delete(draft)


async def _settle(session: AsyncSession, draft: Resident, postcode: str, ward_code: str, *, on: date) -> None:
    if postcode.strip():
        await wards.by_postcode(session, draft, postcode, on=on)
    elif ward_code.strip():
        ward = await lookup.ward_by_code(session, ward_code)
        await wards.choose(session, draft, ward.id, on=on)
    else:
        raise BadInput("Please type your postcode or choose your ward.")
