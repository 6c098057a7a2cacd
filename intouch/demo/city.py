"""City: Sunderland's 25 wards of May 2026 as a tile map of our own, in five areas, with invented postcodes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice, product
from zoneinfo import ZoneInfo

FIRST_DAY = date(2026, 5, 7)
ZONE = ZoneInfo("Europe/London")

# Names and codes are the real ones. Where a tile stands is ours: roughly in place, every ward the same size.
# One line a ward: the last digits of its code, name, area, column from the west, row from the north.
_WARDS = """
373 Barnes & Thornhill            | West       | 4 2
374 Deptford & Hendon             | East       | 5 2
375 Doxford Park                  | East       | 4 4
376 Farringdon & Silksworth       | West       | 3 4
377 Fulwell                       | North      | 5 0
378 Grangetown                    | East       | 5 3
379 Grindon & Thorney Close       | West       | 3 3
380 Herrington & Newbottle        | Coalfield  | 2 3
381 Hetton                        | Coalfield  | 1 5
382 Houghton North                | Coalfield  | 1 4
383 Houghton South & Hetton Downs | Coalfield  | 2 4
384 Hylton Castle                 | North      | 3 0
385 Pallion & Ford                | West       | 3 2
386 Pennywell & South Hylton      | West       | 2 2
387 Penshaw & Shiney Row          | Coalfield  | 1 3
388 Redhouse                      | North      | 4 0
389 Roker                         | North      | 5 1
390 Ryhope                        | East       | 5 4
391 Southwick                     | North      | 4 1
392 Tunstall & Humbledon          | East       | 4 3
393 Washington Central            | Washington | 1 1
394 Washington East               | Washington | 2 1
395 Washington North              | Washington | 1 0
396 Washington South              | Washington | 0 1
397 Washington West               | Washington | 0 0
"""
AREAS = ("North", "East", "West", "Coalfield", "Washington")
_OUTWARD = {"North": "SR5", "East": "SR2", "West": "SR4", "Coalfield": "DH4", "Washington": "NE37"}
# Royal Mail never uses C, I, K, M, O or V at the end: no postcode made of them can be anybody's.
_NEVER_AT_THE_END = "CKMV"
POSTCODES_PER_WARD = 6

_WEST, _NORTH, _WIDTH, _HEIGHT = -1.56, 54.96, 0.036, 0.021


_LONG_WORD = re.compile(r"\b(Washing|Herring|Farring|Silks|Humble|Grange|South|Hough|New|Penny|Red|Dept|Grin|Thorn|Pen|Dox)(?=[a-z]{3})")


@dataclass(frozen=True)
class Tile:
    """One ward as a square of the tile map; ``column`` and ``row`` count from the north-west."""

    code: str
    name: str
    area: str
    column: int
    row: int

    @property
    def breakable_name(self) -> str:
        """The name with soft hyphens where a small tile may break it."""
        return _LONG_WORD.sub("\\1\u00ad", self.name)

    @property
    def west(self) -> float:
        return round(_WEST + self.column * _WIDTH, 6)

    @property
    def east(self) -> float:
        return round(_WEST + (self.column + 1) * _WIDTH, 6)

    @property
    def north(self) -> float:
        return round(_NORTH - self.row * _HEIGHT, 6)

    @property
    def south(self) -> float:
        return round(_NORTH - (self.row + 1) * _HEIGHT, 6)

    @property
    def centre(self) -> tuple[float, float]:
        """Longitude and latitude."""
        return round((self.west + self.east) / 2, 6), round((self.south + self.north) / 2, 6)

    @property
    def boundary(self) -> list[list[list[list[float]]]]:
        """GeoJSON MultiPolygon coordinates."""
        corners = [(self.west, self.south), (self.east, self.south), (self.east, self.north), (self.west, self.north)]
        return [[[list(corner) for corner in (*corners, corners[0])]]]


def _tile(line: str) -> Tile:
    number_and_name, area, place = (part.strip() for part in line.split("|"))
    number, _, name = number_and_name.partition(" ")
    column, row = place.split()
    return Tile(f"E05016{number}", name.strip(), area, int(column), int(row))


TILES = tuple(_tile(line) for line in _WARDS.strip().splitlines())


def _invented(tile: Tile) -> Iterator[str]:
    """Postcodes without a space, in the form of the area's real ones, that nobody has."""
    first = [one for one in TILES if one.area == tile.area].index(tile)
    for last in product(_NEVER_AT_THE_END, repeat=2):
        yield f"{_OUTWARD[tile.area]}{first + 1}{''.join(last)}"


POSTCODES = {tile.code: tuple(islice(_invented(tile), POSTCODES_PER_WARD)) for tile in TILES}


def tile_at(longitude: float, latitude: float) -> Tile | None:
    """The tile that a place lies in."""
    return next((one for one in TILES if one.west <= longitude < one.east and one.south <= latitude < one.north), None)


def tile(name: str) -> Tile:
    """The tile of the ward with this name."""
    return next(one for one in TILES if one.name == name)
