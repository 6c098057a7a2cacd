"""Seed: a council to play with, written in one transaction: places, people, teams; then what happened before today."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import cycle

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council.models import Councillor, Officer, ResponseTeam
from intouch.demo import cast, city, happenings, invented, questions
from intouch.demo.cast import Member
from intouch.places.models import Area, Postcode, Ward
from intouch.residents.models import Channel, Consent, Resident, ResidentStatus, Subscription, Topic, WardSource
from intouch.runtime import Runtime

_JOINED_BEFORE = timedelta(days=120)
_WORDING = "The words of the demo: the council keeps my ward and how to reach me, asks me short questions and sends me news."


async def seed(runtime: Runtime) -> bool:
    """Fill an empty database; false when it was seeded before."""
    now = runtime.now()
    async with runtime.sessions.write() as session:
        if await session.scalar(sa.select(Ward.id).limit(1)) is not None:
            return False
        wards = await _places(session, now)
        await _council(session, wards, now)
        await _residents(session, wards, now)
        await happenings.notices(session, wards, today=now.astimezone(runtime.settings.zone).date(), now=now)
        await happenings.reports(session, wards, now=now)
        await questions.surveys(session, now=now)
    return True


async def _places(session: AsyncSession, now: datetime) -> dict[str, Ward]:
    """Areas, wards (by name) and postcodes; each postcode is the centre of its tile."""
    areas = {name: Area(name=name) for name in city.AREAS}
    session.add_all(areas.values())
    await session.flush()
    first_day = min(city.FIRST_DAY, now.date() - timedelta(days=180))
    wards = {tile.name: _ward(tile, areas[tile.area].id) for tile in city.TILES}
    for ward in wards.values():
        ward.valid_from = first_day
    session.add_all(wards.values())
    await session.flush()
    for tile in city.TILES:
        longitude, latitude = tile.centre
        session.add_all(
            Postcode(postcode=code, ward_id=wards[tile.name].id, longitude=longitude, latitude=latitude)
            for code in city.POSTCODES[tile.code]
        )
    return wards


def _ward(tile: city.Tile, area_id: int) -> Ward:
    box = {"west": tile.west, "south": tile.south, "east": tile.east, "north": tile.north}
    return Ward(code=tile.code, name=tile.name, area_id=area_id, boundary=tile.boundary, **box)


async def _council(session: AsyncSession, wards: dict[str, Ward], now: datetime) -> None:
    areas = {ward.area_id: name for ward, name in ((wards[tile.name], tile.area) for tile in city.TILES)}
    session.add(ResponseTeam(name="City response team", email="city.team@council.example"))
    session.add_all(
        ResponseTeam(name=f"{name} response team", area_id=area_id, email=f"{name.lower()}.team@council.example")
        for area_id, name in areas.items()
    )
    session.add(Officer(name="Olive", email=cast.OLIVE.email, telegram_id=cast.OLIVE.telegram_id, created_at=now - _JOINED_BEFORE))
    session.add(
        Councillor(name="Carl Brookside", ward_id=wards[cast.CARL.ward].id, email=cast.CARL.email, telegram_id=cast.CARL.telegram_id)
    )
    others = invented.councillors()
    others.remove(next(one for one in others if one.tile.name == cast.CARL.ward))
    session.add_all(Councillor(name=one.name, ward_id=wards[one.tile.name].id, email=one.email) for one in others)
    await session.flush()


async def _residents(session: AsyncSession, wards: dict[str, Ward], now: datetime) -> None:
    """The cast's residents and the invented ones, with their consents and subscriptions; some joined this week."""
    people = [_of_the_cast(cast.ALICE), _of_the_cast(cast.BOB), _of_the_cast(cast.GRACE), *invented.residents()]
    ages = cycle(range(2, _JOINED_BEFORE.days))
    rows = [_resident(person, wards[person.tile.name].id, now - timedelta(days=next(ages))) for person in people]
    session.add_all(rows)
    await session.flush()
    for person, row in zip(people, rows, strict=True):
        session.add(Consent(resident_id=row.id, purpose="be asked, get answers and news", wording=_WORDING, given_at=row.created_at))
        session.add_all(
            Subscription(resident_id=row.id, topic=topic, channel=channel, started_at=row.created_at)
            for topic, channel in _subscriptions(person)
        )
    await session.flush()


def _of_the_cast(member: Member) -> invented.InventedResident:
    tile = city.tile(member.ward)
    email = "" if member is cast.BOB else member.email
    return invented.InventedResident(member.name, tile, city.POSTCODES[tile.code][0], member.telegram_id, email, is_on_the_board=False)


def _resident(person: invented.InventedResident, ward_id: int, joined_at: datetime) -> Resident:
    return Resident(
        status=ResidentStatus.ACTIVE,
        telegram_id=person.telegram_id or None,
        first_name=person.first_name,
        ward_id=ward_id,
        ward_source=WardSource.POSTCODE,
        postcode=person.postcode,
        email=person.email or None,
        email_confirmed_at=joined_at if person.email else None,
        was_asked_email=True,
        was_asked_board=True,
        consented_at=joined_at,
        created_at=joined_at,
        joined_at=joined_at,
    )


def _subscriptions(person: invented.InventedResident) -> list[tuple[Topic, Channel]]:
    road = Channel.TELEGRAM if person.telegram_id else Channel.EMAIL
    held = [(Topic.SURVEYS, road)]
    if person.email:
        held.append((Topic.DIGEST, Channel.EMAIL))
    if person.is_on_the_board:
        held.append((Topic.SOUNDING_BOARD, road))
    return held
