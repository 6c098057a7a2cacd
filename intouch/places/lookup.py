"""Lookup: which ward a postcode or a place lies in, and which wards and areas there are.

Nothing is kept in memory between calls, so an import shows at once in every process; a lookup reads one postcode, or
the few wards whose box holds the point.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from intouch.errors import NotFound
from intouch.places import containment, postcodes
from intouch.places.models import Area, Postcode, Ward

Boundaries: TypeAlias = Sequence[tuple[int, containment.Box, containment.MultiPolygon]]


def in_force(on: date) -> sa.ColumnElement[bool]:
    """The condition that a ward is in force on that day."""
    return sa.and_(Ward.valid_from <= on, sa.or_(Ward.valid_to.is_(None), Ward.valid_to > on))


async def ward_by_postcode(session: AsyncSession, text: str, *, on: date, council: str = "this council") -> Ward:
    """The ward in force on that day of a postcode as typed; ``BadInput`` when it is none, ``NotFound`` when not ours."""
    postcode = postcodes.normalise(text)
    row = await session.get(Postcode, postcode)
    if row is None:
        raise NotFound(await _why_unknown(session, postcode, council))
    ward = await session.scalar(sa.select(Ward).where(Ward.id == row.ward_id, in_force(on)).options(defer(Ward.boundary)))
    if ward is None and row.longitude is not None and row.latitude is not None:
        # The postcode file is for another set of wards than the one in force on that day.
        ward = await _ward_around(session, row.longitude, row.latitude, on=on)
    if ward is None:
        raise NotFound(f"We don't know the ward of {postcodes.display(postcode)} yet. Please choose your ward from the list.")
    return ward


async def ward_at(session: AsyncSession, *, longitude: float, latitude: float, on: date, council: str = "this council") -> Ward:
    """The ward in force on that day around a point (degrees, WGS 84); ``NotFound`` outside all wards."""
    ward = await _ward_around(session, longitude, latitude, on=on)
    if ward is None:
        raise NotFound(f"That place isn't in the area of {council}. Please try a place nearer home, or type a postcode.")
    return ward


async def ward_by_code(session: AsyncSession, code: str) -> Ward:
    """The ward with this GSS code, in force or not."""
    ward = await session.scalar(sa.select(Ward).where(Ward.code == code.strip().upper()).options(defer(Ward.boundary)))
    if ward is None:
        raise NotFound("There is no ward with that code. A ward's code looks like this: E05016391.")
    return ward


async def ward_named(session: AsyncSession, text: str) -> Ward:
    """The ward that an officer named by its code or its name, in any case; of two with one name the one in force last."""
    wanted = " ".join(text.split()).casefold()
    newest_first = sa.select(Ward).order_by(Ward.valid_from.desc(), Ward.code).options(defer(Ward.boundary))
    for ward in await session.scalars(newest_first):
        if wanted in (ward.code.casefold(), ward.name.casefold()):
            return ward
    raise NotFound(f"There is no ward “{text[:60]}”. Write its code (E05016391) or its name as it was imported.")


async def wards(session: AsyncSession, *, on: date, area_id: int | None = None) -> list[Ward]:
    """The wards in force on that day, by name; of one area when ``area_id`` is given. Boundaries are not loaded."""
    query = sa.select(Ward).where(in_force(on)).order_by(Ward.name, Ward.code).options(defer(Ward.boundary))
    return list(await session.scalars(query if area_id is None else query.where(Ward.area_id == area_id)))


async def areas(session: AsyncSession, *, on: date | None = None) -> list[Area]:
    """The areas that have wards (in force on that day, when given), by name."""
    ward = sa.exists().where(Ward.area_id == Area.id, in_force(on) if on else Ward.valid_to.is_(None))
    return list(await session.scalars(sa.select(Area).where(ward).order_by(Area.name)))


async def has_areas(session: AsyncSession, *, on: date | None = None) -> bool:
    """Whether wards are grouped in areas, so that choosing an area first helps."""
    return bool(await areas(session, on=on))


async def boundaries(session: AsyncSession, *, on: date) -> Boundaries:
    """The boundaries of the wards in force on that day, read once for many points."""
    wards = await session.execute(sa.select(Ward.id, Ward.boundary).where(in_force(on)).order_by(Ward.code))
    return [(ward_id, containment.box(boundary), boundary) for ward_id, boundary in wards if boundary]


def ward_within(boundaries: Boundaries, longitude: float, latitude: float) -> int | None:
    """The ward around a point among these; None outside all of them."""
    for ward_id, box, boundary in boundaries:
        if containment.in_box(box, longitude, latitude) and containment.contains(boundary, longitude, latitude):
            return ward_id
    return None


async def _ward_around(session: AsyncSession, longitude: float, latitude: float, *, on: date) -> Ward | None:
    box = (Ward.west <= longitude, Ward.east >= longitude, Ward.south <= latitude, Ward.north >= latitude)
    near = await session.execute(sa.select(Ward.id, Ward.boundary).where(in_force(on), *box).order_by(Ward.code))
    for ward_id, boundary in near:  # in the order of the codes: on an edge between two wards the answer is always the same
        if boundary and containment.contains(boundary, longitude, latitude):
            return await session.get(Ward, ward_id)
    return None


async def _why_unknown(session: AsyncSession, postcode: str, council: str) -> str:
    shown, ours = postcodes.display(postcode), postcodes.district(postcode)
    same_district = (Postcode.postcode.startswith(ours), sa.func.length(Postcode.postcode) == len(postcode))
    if await session.scalar(sa.select(Postcode.postcode).where(*same_district).limit(1)):
        return f"We don't know the postcode {shown}. Please check it for a slip, or choose your ward from the list."
    if await session.scalar(sa.select(Postcode.postcode).limit(1)):
        return f"{shown} isn't in the area of {council}. If you live here, please check the postcode, or choose your ward from the list."
    return "We can't look up postcodes yet. Please share your location, or choose your ward from the list."
