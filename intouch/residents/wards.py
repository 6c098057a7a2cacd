"""Wards of residents: how a resident says where they live, and what of it is kept."""

from __future__ import annotations

from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.errors import NotFound
from intouch.places import lookup, postcodes
from intouch.places.models import Ward
from intouch.residents.models import Resident, WardSource

# About eleven metres: enough to find the ward again when boundaries change, and no more.
_DECIMALS = 4


async def by_postcode(session: AsyncSession, resident: Resident, text: str, *, on: date, council: str = "this council") -> Ward:
    """The ward of a postcode as typed becomes the resident's; ``BadInput`` or ``NotFound`` change nothing."""
    ward = await lookup.ward_by_postcode(session, text, on=on, council=council)
    _live_in(resident, ward, WardSource.POSTCODE)
    resident.postcode = postcodes.normalise(text)
    return ward


async def by_place(
    session: AsyncSession, resident: Resident, *, longitude: float, latitude: float, on: date, council: str = "this council"
) -> Ward:
    """The ward around a shared place becomes the resident's; ``NotFound`` outside all wards changes nothing."""
    ward = await lookup.ward_at(session, longitude=longitude, latitude=latitude, on=on, council=council)
    _live_in(resident, ward, WardSource.LOCATION)
    resident.longitude, resident.latitude = round(longitude, _DECIMALS), round(latitude, _DECIMALS)
    return ward


async def choose(session: AsyncSession, resident: Resident, ward_id: int, *, on: date) -> Ward:
    """The ward with this number, picked from the list, becomes the resident's; ``NotFound`` when it is none any more."""
    ward = next((ward for ward in await lookup.wards(session, on=on) if ward.id == ward_id), None)
    if ward is None:
        raise NotFound("That ward isn't on the list any more. Please choose again.")
    _live_in(resident, ward, WardSource.CHOSEN)
    return ward


def confirm(resident: Resident) -> None:
    """The ward that a link named is theirs."""
    if resident.ward_id is not None and resident.ward_source is None:
        resident.ward_source = WardSource.CHOSEN


def refuse(resident: Resident) -> None:
    """The ward that a link named is not theirs."""
    if resident.ward_source is None:
        resident.ward_id = None


def _live_in(resident: Resident, ward: Ward, source: WardSource) -> None:
    resident.ward_id, resident.ward_source = ward.id, source
    resident.postcode = resident.longitude = resident.latitude = None
