"""The people, wards and teams that the tests of reports are about, and photos made for them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from PIL import Image
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council.models import ResponseTeam
from intouch.issues import categories, photos, reporting
from intouch.issues.models import IssueReport
from intouch.places.models import Area, Postcode, Ward
from intouch.residents.models import Resident, ResidentStatus

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
TODAY = date(2026, 11, 18)
CATEGORIES = categories.load(None)
IN_SOUTHWICK = (-1.41, 54.92)
IN_FULWELL = (-1.38, 54.94)
IN_THE_SEA = (-1.0, 54.9)


@dataclass(frozen=True)
class Cast:
    """Alice lives in Southwick, Bob in Fulwell (both on Telegram), Grace in Southwick by email alone."""

    southwick: int
    fulwell: int
    north: int
    alice: int
    bob: int
    grace: int
    city_team: int
    north_team: int


def _square(west: float, south: float, size: float) -> list[Any]:
    east, north = west + size, south + size
    return [[[[west, south], [east, south], [east, north], [west, north], [west, south]]]]


def _ward(code: str, name: str, area_id: int | None, *, west: float, south: float) -> Ward:
    box = {"west": west, "south": south, "east": west + 0.02, "north": south + 0.02}
    return Ward(code=code, name=name, area_id=area_id, boundary=_square(west, south, 0.02), valid_from=date(2026, 5, 7), **box)


async def seed(session: AsyncSession) -> Cast:
    """Two wards (Southwick in the area North, Fulwell in none), a team for North and one for the city, and the residents."""
    north = Area(name="North")
    session.add(north)
    await session.flush()
    southwick = _ward("E05016391", "Southwick", north.id, west=-1.42, south=54.91)
    fulwell = _ward("E05016377", "Fulwell", None, west=-1.39, south=54.93)
    session.add_all([southwick, fulwell])
    await session.flush()
    session.add(Postcode(postcode="SR51AE", ward_id=southwick.id, longitude=IN_SOUTHWICK[0], latitude=IN_SOUTHWICK[1]))
    teams = [ResponseTeam(name="City response team", area_id=None), ResponseTeam(name="North response team", area_id=north.id)]
    shared = {"status": ResidentStatus.ACTIVE, "created_at": NOW}
    alice = Resident(first_name="Alice", telegram_id=1001, ward_id=southwick.id, **shared)
    bob = Resident(first_name="Bob", telegram_id=1002, ward_id=fulwell.id, **shared)
    grace = Resident(first_name="Grace", email="grace@example.org", email_confirmed_at=NOW, ward_id=southwick.id, **shared)
    session.add_all([*teams, alice, bob, grace])
    await session.flush()
    return Cast(southwick.id, fulwell.id, north.id, alice.id, bob.id, grace.id, teams[0].id, teams[1].id)


def picture(width: int = 60, height: int = 40, *, colour: str = "red", kind: str = "JPEG", **saving: Any) -> bytes:
    """A photo of one colour as a file."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, kind, **saving)
    return file.getvalue()


async def a_draft(session: AsyncSession, resident_id: int, *, category: str = "litter", now: datetime = NOW) -> IssueReport:
    """A draft with all its parts but the photo, placed in Southwick."""
    draft = await reporting.begin(session, resident_id, now=now)
    reporting.choose(draft, category, categories=CATEGORIES, now=now)
    reporting.finish_photos(draft, now=now)
    longitude, latitude = IN_SOUTHWICK
    await reporting.place_at(session, draft, longitude=longitude, latitude=latitude, on=TODAY, now=now)
    reporting.describe(draft, "Bottles beside the bench", now=now)
    return draft


async def a_report(session: AsyncSession, resident_id: int, *, category: str = "litter", now: datetime = NOW) -> IssueReport:
    """A report in Southwick that was sent in."""
    draft = await a_draft(session, resident_id, category=category, now=now)
    sent = await reporting.send_in(session, draft.id, resident_id=resident_id, categories=CATEGORIES, on=TODAY, now=now)
    return sent.report


def a_photo(colour: str = "red") -> photos.CleanPhoto:
    """A cleaned photo."""
    return photos.prepare(picture(colour=colour))
