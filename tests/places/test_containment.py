"""Containment: the same answer as shapely for every point, also on edges, in holes and between corners."""

import math

import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from intouch.places import containment
from tests.places.squares import square

WITH_HOLE = [[*square(0, 0, 4), *square(1, 1, 2)], square(10, 0)]


@pytest.mark.parametrize(
    ("longitude", "latitude", "is_inside"),
    [
        (0.5, 0.5, True),
        (2, 2, False),
        (1, 2, True),
        (1, 1, True),
        (4, 4, True),
        (4.0000001, 4, False),
        (10.5, 0.5, True),
        (5, 0, False),
        (-1, 0, False),
        (math.nan, 1, False),
        (math.inf, 1, False),
    ],
)
def test_holes_are_outside_and_edges_are_inside(longitude: float, latitude: float, is_inside: bool) -> None:
    assert containment.contains(WITH_HOLE, longitude, latitude) is is_inside


def test_the_box_holds_all_parts() -> None:
    assert containment.box(WITH_HOLE) == (0, 0, 11, 4)
    assert containment.in_box((0, 0, 11, 4), 11, 4)
    assert not containment.in_box((0, 0, 11, 4), 11.1, 4)


# A coarse grid makes points that lie exactly on edges and corners; hundredths make lines that no float point lies on.
COARSE = st.integers(-6, 6).map(float)
FINE = st.integers(-600, 600).map(lambda hundredths: hundredths / 100)


def ring_of(points: list[tuple[float, float]]) -> list[list[float]]:
    """A simple ring: the points in the order of their angle around the middle."""
    x, y = (sum(axis) / len(points) for axis in zip(*points, strict=True))
    around = sorted(set(points), key=lambda p: (math.atan2(p[1] - y, p[0] - x), p))
    return [list(p) for p in (*around, around[0])]


@given(number=st.sampled_from([COARSE, FINE]).flatmap(lambda n: st.tuples(st.lists(st.tuples(n, n), min_size=3, max_size=12), n, n)))
def test_any_point_and_any_polygon_agree_with_shapely(number: tuple[list[tuple[float, float]], float, float]) -> None:
    points, longitude, latitude = number
    ring = ring_of(points)
    assume(len(ring) >= 4 and shapely.Polygon(ring).is_valid)
    expected = shapely.Polygon(ring).covers(shapely.Point(longitude, latitude))
    assert containment.contains([[ring]], longitude, latitude) is expected


@given(COARSE, COARSE)
def test_holes_and_second_parts_agree_with_shapely(longitude: float, latitude: float) -> None:
    shape = shapely.MultiPolygon([(polygon[0], polygon[1:]) for polygon in WITH_HOLE])
    assert containment.contains(WITH_HOLE, longitude, latitude) is shape.covers(shapely.Point(longitude, latitude))


@given(st.integers(1, 999))
def test_a_corner_in_the_middle_of_an_edge_changes_nothing(thousandths: int) -> None:
    part = thousandths / 1000
    ring = [[0.0, 0.0], [part, 0.0], [1.0, 0.0], [1.0, part], [1.0, 1.0], [0.0, 1.0], [0.0, part], [0.0, 0.0]]
    assert containment.contains([[ring]], 0.5, part)
    assert not containment.contains([[ring]], -0.5, part)
