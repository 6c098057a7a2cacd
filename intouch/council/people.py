"""People: the councillors and officers of the council, and which Telegram account is whose."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from email_validator import EmailNotValidError, validate_email
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import legible
from intouch.council.models import Councillor, Officer
from intouch.errors import BadInput, NotFound
from intouch.places.models import Ward
from intouch.sheets import LONGEST_NAME


async def officer_of(session: AsyncSession, telegram_id: int) -> Officer | None:
    """The officer who linked this Telegram account, if any."""
    officer: Officer | None = await session.scalar(sa.select(Officer).where(Officer.telegram_id == telegram_id))
    return officer


async def councillor_of(session: AsyncSession, telegram_id: int) -> Councillor | None:
    """The councillor in office who linked this Telegram account, if any."""
    linked = sa.select(Councillor).where(Councillor.telegram_id == telegram_id, Councillor.is_active)
    councillor: Councillor | None = await session.scalar(linked)
    return councillor


async def councillors_of(session: AsyncSession, ward_id: int) -> list[Councillor]:
    """The councillors in office of a ward, by name."""
    query = sa.select(Councillor).where(Councillor.ward_id == ward_id, Councillor.is_active).order_by(Councillor.name, Councillor.id)
    return list(await session.scalars(query))


async def councillors(session: AsyncSession) -> list[tuple[Councillor, Ward]]:
    """Every councillor, in office or not, with their ward, by ward and name."""
    query = sa.select(Councillor, Ward).join(Ward, Ward.id == Councillor.ward_id).order_by(Ward.name, Councillor.name, Councillor.id)
    return [(councillor, ward) for councillor, ward in await session.execute(query)]


async def officers(session: AsyncSession) -> list[Officer]:
    """Every officer, by name."""
    return list(await session.scalars(sa.select(Officer).order_by(Officer.name, Officer.id)))


async def find_officer(session: AsyncSession, email: str) -> Officer:
    """The officer with this address."""
    officer: Officer | None = await session.scalar(sa.select(Officer).where(Officer.email == email.strip().lower()))
    if officer is None:
        raise NotFound("There is no officer with that address. See `intouch officer list`.")
    return officer


async def find_councillor(session: AsyncSession, name_or_id: str, *, ward_code: str = "") -> Councillor:
    """The one councillor in office with this id, or this name (case does not matter), in this ward (by code or name) when given."""
    wanted, place = " ".join(name_or_id.split()).casefold(), " ".join(ward_code.split()).casefold()
    found = [
        (councillor, ward)
        for councillor, ward in await councillors(session)
        if councillor.is_active
        and place in ("", ward.code.casefold(), ward.name.casefold())
        and wanted in (str(councillor.id), councillor.name.casefold())
    ]
    if not found:
        raise NotFound(f"There is no councillor {name_or_id!r} in office. See `intouch councillor list` for their names and ids.")
    if len(found) > 1:
        places = "; ".join(f"{councillor.id} in {ward.name} ({ward.code})" for councillor, ward in found)
        raise BadInput(f"There are {len(found)} councillors {name_or_id!r}: {places}. Give the id, or the ward with --ward.")
    return found[0][0]


async def add_officer(session: AsyncSession, *, name: str, email: str, now: datetime) -> Officer:
    """A new officer; ``BadInput`` when the address is none, or an officer has it already."""
    name, email = " ".join(name.split()), address(email)
    if legible.is_blank(name) or legible.RULING.search(name) or len(name) > LONGEST_NAME:
        raise BadInput(f"An officer needs a name that people can read, of at most {LONGEST_NAME} characters.")
    if await session.scalar(sa.select(Officer.id).where(Officer.email == email)):
        raise BadInput(f"There is an officer with the address {email} already. See `intouch officer list`.")
    officer = Officer(name=name, email=email, created_at=now)
    session.add(officer)
    await session.flush()
    return officer


def address(text: str) -> str:
    """An email address in lower case; ``BadInput`` says what is wrong with it."""
    try:
        return validate_email(text.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        raise BadInput(f"{text.strip()!r} is not an email address: {error}") from None
