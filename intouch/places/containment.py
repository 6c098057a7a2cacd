"""Containment: whether a point lies in a ward's boundary; pure arithmetic.

A boundary is GeoJSON MultiPolygon coordinates: polygons of rings (the first is the outside, the others are holes)
of ``[longitude, latitude]``. A point on an edge or a corner, also of a hole, counts as inside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TypeAlias

Position: TypeAlias = Sequence[float]
Ring: TypeAlias = Sequence[Position]
MultiPolygon: TypeAlias = Sequence[Sequence[Ring]]
Box: TypeAlias = tuple[float, float, float, float]

_INSIDE, _ON_EDGE, _OUTSIDE = 1, 0, -1
# Below this share of its terms the sign of the float determinant is not certain (Shewchuk 1997, ccwerrboundA).
_UNCERTAIN = 3.3306690738754716e-16


def box(boundary: MultiPolygon) -> Box:
    """West, south, east and north of a boundary."""
    outsides = [position for polygon in boundary for position in polygon[0]]
    longitudes, latitudes = [p[0] for p in outsides], [p[1] for p in outsides]
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def in_box(bounds: Box, longitude: float, latitude: float) -> bool:
    """Whether the point lies in the box or on its edge."""
    west, south, east, north = bounds
    return west <= longitude <= east and south <= latitude <= north


def contains(boundary: MultiPolygon, longitude: float, latitude: float) -> bool:
    """Whether the point lies in the boundary or on its edge; exact, however close to the edge it is."""
    if not (math.isfinite(longitude) and math.isfinite(latitude)):
        return False
    return any(_in_polygon(polygon, longitude, latitude) for polygon in boundary)


def _in_polygon(polygon: Sequence[Ring], x: float, y: float) -> bool:
    where = _in_ring(polygon[0], x, y)
    if where is not _INSIDE:
        return where is _ON_EDGE
    return all(_in_ring(hole, x, y) is not _INSIDE for hole in polygon[1:])


def _in_ring(ring: Ring, x: float, y: float) -> int:
    """Crossing number of a ray to the east; each edge is half open, so that a corner is counted once."""
    is_inside = False
    x1, y1 = ring[-1][0], ring[-1][1]
    for position in ring:
        x2, y2 = position[0], position[1]
        if y1 == y2:
            if y == y1 and min(x1, x2) <= x <= max(x1, x2):
                return _ON_EDGE
        elif min(y1, y2) <= y <= max(y1, y2):
            side = _side((x1, y1), (x2, y2), (x, y))
            if side == 0:
                return _ON_EDGE
            if (y1 > y) != (y2 > y) and (side > 0) == (y2 > y1):
                is_inside = not is_inside
        x1, y1 = x2, y2
    return _INSIDE if is_inside else _OUTSIDE


def _side(start: tuple[float, float], end: tuple[float, float], point: tuple[float, float]) -> float:
    """Positive when the point lies left of the line from start to end, negative when right, zero when on it."""
    (x1, y1), (x2, y2), (x, y) = start, end, point
    left, right = (x2 - x1) * (y - y1), (y2 - y1) * (x - x1)
    difference = left - right
    if abs(difference) > _UNCERTAIN * (abs(left) + abs(right)):
        return difference
    exact = (Fraction(x2) - Fraction(x1)) * (Fraction(y) - Fraction(y1)) - (Fraction(y2) - Fraction(y1)) * (Fraction(x) - Fraction(x1))
    return (exact > 0) - (exact < 0)
