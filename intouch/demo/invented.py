"""Invented people: councillors and residents who do not exist, the same ones every time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from intouch.demo.city import POSTCODES, TILES, Tile

SEED = 20260507
FIRST_TELEGRAM_ID = 700_001
COUNCILLORS_PER_WARD = 3
# Wards with many residents have results to show; those with few show what is kept back.
_MANY, _FEW = 64, 14
_SHARE_WITH_TELEGRAM, _SHARE_WITHOUT_EMAIL = 0.4, 0.25
BUSY_WARDS = ("Southwick", "Fulwell", "Roker", "Washington Central", "Hetton")

_FIRST_NAMES = """
Abena Adele Aidan Alma Amir Anya Arlo Asha Bea Callum Cleo Dafydd Dilys Edie Ewan Farah Fergus Gita Gwen Hamza Heidi Idris
Imani Ivo Jonah Joyce Kofi Lena Leyla Lorna Magnus Mei Milo Mira Nell Niamh Noor Olu Orla Otis Petra Priya Rafi Rhona Rosa
Rufus Sami Saoirse Seth Sita Tariq Tess Tomos Una Vera Wanda Wes Yusuf Zara Zoe
"""
_BEGINNINGS = "Amber Ash Birch Bram Brook Clay Dale Elder Fern Frost Glen Hazel Heath Holly Lark Linden Marsh Meadow Moor Oak"
_ENDINGS = "bank beck burn combe croft den field ford garth gate ham hurst ley mere more side stead thorpe wick wood"
_FIRST = tuple(_FIRST_NAMES.split())


@dataclass(frozen=True)
class InventedCouncillor:
    name: str
    email: str
    tile: Tile


@dataclass(frozen=True)
class InventedResident:
    """``telegram_id`` 0: by email alone. ``email`` empty: by Telegram alone."""

    first_name: str
    tile: Tile
    postcode: str
    telegram_id: int
    email: str
    is_on_the_board: bool


def councillors() -> list[InventedCouncillor]:
    """Three for each ward, no name twice."""
    chance = random.Random(SEED)
    surnames = [f"{before}{after}" for before in _BEGINNINGS.split() for after in _ENDINGS.split()]
    chance.shuffle(surnames)
    names = [f"{chance.choice(_FIRST)} {surname}" for surname in surnames[: len(TILES) * COUNCILLORS_PER_WARD]]
    return [_councillor(name, TILES[place // COUNCILLORS_PER_WARD]) for place, name in enumerate(names)]


def _councillor(name: str, tile: Tile) -> InventedCouncillor:
    return InventedCouncillor(name, f"{name.lower().replace(' ', '.')}@councillors.example", tile)


def residents() -> list[InventedResident]:
    """About 600: four in ten with Telegram (so that a pulse reaches all of them in seconds), the others by email alone."""
    chance = random.Random(SEED + 1)
    homes: Sequence[Tile] = [tile for tile in TILES for _ in range(_MANY if tile.name in BUSY_WARDS else _FEW)]
    return [_resident(chance, number, tile) for number, tile in enumerate(homes)]


def _resident(chance: random.Random, number: int, tile: Tile) -> InventedResident:
    name = chance.choice(_FIRST)
    roads = chance.random()
    return InventedResident(
        first_name=name,
        tile=tile,
        postcode=chance.choice(POSTCODES[tile.code]),
        telegram_id=FIRST_TELEGRAM_ID + number if roads < _SHARE_WITH_TELEGRAM else 0,
        email=f"{name.lower()}.{number}@residents.example" if roads >= _SHARE_WITHOUT_EMAIL else "",
        is_on_the_board=chance.random() < 0.2,
    )
