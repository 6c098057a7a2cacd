"""Squares: small invented wards for tests, one degree wide, side by side from west to east."""

from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.places import containment
from intouch.places.models import Area, Postcode, Ward

LONG_AGO = date(2004, 5, 1)
TODAY = date(2026, 11, 18)


def square(west: float, south: float, size: float = 1.0) -> list[list[list[float]]]:
    east, north = west + size, south + size
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


def ward(code: str, name: str, west: float, *, area_id: int | None = None, since: date = LONG_AGO, until: date | None = None) -> Ward:
    boundary = [square(west, 54.0)]
    bounds = containment.box(boundary)
    return Ward(
        code=code,
        name=name,
        area_id=area_id,
        boundary=boundary,
        west=bounds[0],
        south=bounds[1],
        east=bounds[2],
        north=bounds[3],
        valid_from=since,
        valid_to=until,
    )


async def three_wards(session: AsyncSession) -> list[Ward]:
    """Southwick (west), Fulwell (middle), Roker (east) in two areas, with a postcode each and one in the middle of Roker."""
    areas = [Area(name="North"), Area(name="Coast")]
    session.add_all(areas)
    await session.flush()
    wards = [
        ward("E05016391", "Southwick", -3.0, area_id=areas[0].id),
        ward("E05016377", "Fulwell", -2.0, area_id=areas[0].id),
        ward("E05016389", "Roker", -1.0, area_id=areas[1].id),
    ]
    session.add_all(wards)
    await session.flush()
    session.add_all(
        [
            Postcode(postcode="SR52AA", ward_id=wards[0].id, longitude=-2.5, latitude=54.5),
            Postcode(postcode="SR68BB", ward_id=wards[1].id, longitude=-1.5, latitude=54.5),
            Postcode(postcode="SR60NB", ward_id=wards[2].id, longitude=-0.5, latitude=54.5),
        ]
    )
    await session.flush()
    return wards
