"""Shared ground: how much of it two boundaries both cover, and whether one covers any of its own twice; pure arithmetic.

With the outside of every polygon drawn one way round and its holes the other way, a boundary counts how often it covers a
place: once inside, not at all outside. Where a line crosses itself, parts lie on one another or a hole lies outside, it
counts something else. The shared ground of two boundaries is the integral of the product of their counts, and so a
boundary that shares with itself what is not its own area is none.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from intouch.places import containment
from intouch.places.containment import Box, MultiPolygon, Ring

# Neighbours that were simplified one by one share slivers, and a line may cross itself within a step: no harm is in that.
A_SLIVER = 0.01  # of the smaller of the two

# West end and its height, east end and its height, and +1 where the boundary is below this edge, -1 where it is above.
_Edge: TypeAlias = tuple[float, float, float, float, int]


@dataclass(frozen=True)
class Ground:
    """A boundary made ready to be laid on others: its edges from west to east, the widest of them, its box and its area."""

    edges: list[_Edge]
    widest: float
    box: Box
    area: float

    @classmethod
    def of(cls, boundary: MultiPolygon) -> Ground:
        """The ground of a boundary."""
        edges = sorted(edge for polygon in boundary for number, ring in enumerate(polygon) for edge in _edges(ring, is_hole=number > 0))
        box = containment.box(boundary)
        floor = box[1]
        area = sum(sign * (x2 - x1) * ((y1 - floor) + (y2 - floor)) / 2 for x1, y1, x2, y2, sign in edges)
        return cls(edges, max((x2 - x1 for x1, _, x2, _, _ in edges), default=0.0), box, area)

    @property
    def is_sound(self) -> bool:
        """Whether it covers every place once or not at all."""
        return abs(shared(self, self) - self.area) <= A_SLIVER * self.area


def lie_on_one_another(first: Ground, second: Ground) -> bool:
    """Whether the two cover more of the same ground than a sliver."""
    west, south = max(first.box[0], second.box[0]), max(first.box[1], second.box[1])
    east, north = min(first.box[2], second.box[2]), min(first.box[3], second.box[3])
    if west >= east or south >= north:
        return False
    return shared(first, second) > A_SLIVER * min(first.area, second.area)


def shared(first: Ground, second: Ground) -> float:
    """The ground that both cover, in square degrees: what lies under an edge of each, added or taken away by their sides."""
    floor = min(first.box[1], second.box[1])
    total = 0.0
    for edge in first.edges:
        begin = bisect_left(second.edges, (edge[0] - second.widest,))
        for number in range(begin, len(second.edges)):
            other = second.edges[number]
            if other[0] >= edge[2]:
                break
            if other[2] > edge[0]:
                total += edge[4] * other[4] * _under_both(edge, other, floor)
    return total


def _edges(ring: Ring, *, is_hole: bool) -> list[_Edge]:
    x0, y0 = ring[0][0], ring[0][1]
    turn = sum((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0) for (x1, y1, *_), (x2, y2, *_) in pairwise(ring))
    side = -1 if (turn > 0) is is_hole else 1
    return [(x1, y1, x2, y2, -side) if x1 < x2 else (x2, y2, x1, y1, side) for (x1, y1, *_), (x2, y2, *_) in pairwise(ring) if x1 != x2]


def _under_both(first: _Edge, second: _Edge, floor: float) -> float:
    """The area between the floor and the lower of two edges, where both have something above it."""
    west, east = max(first[0], second[0]), min(first[2], second[2])
    a1, a2 = _height(first, west) - floor, _height(first, east) - floor
    b1, b2 = _height(second, west) - floor, _height(second, east) - floor
    before, after = a1 - b1, a2 - b2
    if before * after >= 0:
        return (east - west) * (min(a1, b1) + min(a2, b2)) / 2
    crossing = before / (before - after)
    height = a1 + crossing * (a2 - a1)
    return (east - west) * (crossing * (min(a1, b1) + height) + (1 - crossing) * (height + min(a2, b2))) / 2


def _height(edge: _Edge, x: float) -> float:
    x1, y1, x2, y2, _ = edge
    return y1 + (y2 - y1) * (x - x1) / (x2 - x1)
