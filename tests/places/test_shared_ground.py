"""Shared ground: as much as shapely finds, for shapes of any kind, and a shape that is none is found out."""

import math
import random
import time

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from intouch.places import shared_ground
from intouch.places.containment import MultiPolygon
from intouch.places.shared_ground import Ground
from tests.places.squares import square

BOWTIE = [[[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 1.0], [0.0, 0.0]]]
HOLED = [*square(0, 0, 4), *square(1, 1, 1)]


def star(seed: int, points: int, x: float = 0.0, y: float = 0.0, nearest: float = 0.2) -> list[list[float]]:
    """A ring around a place that never crosses itself, drawn either way round."""
    dice = random.Random(seed)
    around = [(dice.uniform(nearest, 1), 2 * math.pi * number / points) for number in range(points)]
    ring = [[x + far * math.cos(turn), y + far * math.sin(turn)] for far, turn in around]
    ring = ring[::-1] if dice.random() < 0.5 else ring
    return [*ring, ring[0]]


def shaped(boundary: MultiPolygon) -> shapely.MultiPolygon:
    return shapely.MultiPolygon([(polygon[0], polygon[1:]) for polygon in boundary])


@given(st.integers(), st.integers(), st.integers(3, 40), st.integers(3, 40), st.floats(-2, 2), st.floats(-2, 2))
def test_two_shapes_share_what_shapely_says(a: int, b: int, n: int, m: int, x: float, y: float) -> None:
    first, second = [[star(a, n)], [star(a + 1, n, 3)]], [[star(b, m, x, y)]]
    ours = shared_ground.shared(Ground.of(first), Ground.of(second))
    assert ours == pytest.approx(shaped(first).intersection(shaped(second)).area, abs=1e-9)


@given(st.integers(), st.integers(3, 40))
def test_a_sound_shape_shares_its_own_area_with_itself(seed: int, points: int) -> None:
    ground = Ground.of([[star(seed, points, -1.4, 54.9), [[x / 9 - 1.25, y / 9 + 48.8] for x, y in star(seed + 1, points, -1.4, 54.9)]]])
    assert Ground.of([[star(seed, points)]]).area == pytest.approx(shaped([[star(seed, points)]]).area)
    assert ground.is_sound


@pytest.mark.parametrize(
    "boundary",
    [
        [BOWTIE],
        [square(0, 0, 2), square(1, 1, 2)],
        [square(0, 0), square(0, 0)],
        [[*square(0, 0), *square(5, 5)]],
        [[*square(1, 1, 1), *square(0, 0, 4)]],
        [[square(0, 0)[0][:-1] * 2 + [[0, 0]]]],
    ],
    ids=["crosses itself", "parts overlap", "one part twice", "hole outside", "hole larger", "drawn twice round"],
)
def test_what_covers_ground_twice_or_less_than_not_at_all_is_no_shape(boundary: MultiPolygon) -> None:
    assert not Ground.of(boundary).is_sound


def test_holes_parts_and_slivers_are_sound() -> None:
    for boundary in ([HOLED], [square(0, 0), square(1, 0)], [square(0, 0), square(0.999, 0)]):
        assert Ground.of(boundary).is_sound


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ([square(0, 0, 4)], True),
        ([square(4, 0, 4)], False),
        ([square(3.99, 0, 4)], False),
        ([square(3.9, 0, 4)], True),
        ([square(1, 1)], False),
        ([square(0.5, 0.5)], True),
        ([square(40, 0, 4)], False),
    ],
    ids=["the same", "neighbours", "a sliver", "more than a sliver", "fills the hole", "over the edge of the hole", "far away"],
)
def test_neighbours_may_touch_but_not_lie_on_one_another(second: MultiPolygon, expected: bool) -> None:
    assert shared_ground.lie_on_one_another(Ground.of([HOLED]), Ground.of(second)) is expected
    assert shared_ground.lie_on_one_another(Ground.of(second), Ground.of([HOLED])) is expected


def test_detailed_coastlines_take_no_time() -> None:
    first, second = Ground.of([[star(1, 10_000, nearest=0.999)]]), Ground.of([[star(2, 10_000, 1.5, nearest=0.999)]])
    started = time.perf_counter()
    assert first.is_sound and shared_ground.lie_on_one_another(first, second)
    assert time.perf_counter() - started < 10
