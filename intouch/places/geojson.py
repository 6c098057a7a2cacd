"""GeoJSON: reading wards and their boundaries from a FeatureCollection, with every bad feature named."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from intouch import legible, sheets
from intouch.places import shared_ground
from intouch.places.shared_ground import Ground
from intouch.sheets import BadFile, BadRow, Problem

_CODE = re.compile(r"[A-Z0-9_-]{1,40}")  # what Telegram takes in a ward's sign-up link
_NO_AREA = 1e-12  # square degrees: about a hundredth of a square metre
_NOT_DEGREES = "save the file as WGS 84 longitude and latitude (EPSG:4326)"


@dataclass(frozen=True)
class WardShape:
    """A ward as a file has it; ``boundary`` is MultiPolygon coordinates."""

    code: str
    name: str
    boundary: list[Any]


@dataclass(frozen=True)
class _Placed:
    number: int
    shape: WardShape
    ground: Ground


def read(path: Path, *, code_field: str, name_field: str) -> list[WardShape]:
    """The wards in a file; ``BadFile`` names what is wrong with the file or with each of its features."""
    text = sheets.decode(sheets.load(path), path.name, wanted="GeoJSON in UTF-8")
    return parse(text, path.name, code_field=code_field, name_field=name_field)


def parse(text: str, name: str, *, code_field: str, name_field: str) -> list[WardShape]:
    """The wards in a GeoJSON text."""
    features = _features(_json(text, name), name)
    _check_fields(features, name, [code_field, name_field])
    placed: dict[str, _Placed] = {}
    problems = []
    for number, feature in enumerate(features, 1):
        try:
            one = _place(number, _shape(feature, code_field, name_field), placed)
            placed[one.shape.code] = one
        except BadRow as error:
            problems.append(Problem(number, str(error)))
    sheets.refuse(name, problems, thing="feature", place="feature")
    return [one.shape for one in placed.values()]


def _place(number: int, shape: WardShape, placed: Mapping[str, _Placed]) -> _Placed:
    label = f"({shape.code} {shape.name})"
    if shape.code in placed:
        raise BadRow(f"has the code {shape.code}, which feature {placed[shape.code].number} has too")
    ground = Ground.of(shape.boundary)
    if not ground.is_sound:
        raise BadRow(
            f"{label} has a shape that crosses itself, or parts or holes that lie on one another; mend its geometry and save again"
        )
    for other in placed.values():
        if shared_ground.lie_on_one_another(ground, other.ground):
            raise BadRow(f"{label} covers the same ground as feature {other.number} ({other.shape.code} {other.shape.name})")
    return _Placed(number, shape, ground)


def _json(text: str, name: str) -> Any:
    def refuse(constant: str) -> Any:
        raise BadFile(f"{name} holds {constant} where a number belongs. Please save it again as valid GeoJSON.")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise BadFile(f"{name} is not valid JSON: line {error.lineno}, column {error.colno}: {error.msg}.") from None
    except (ValueError, RecursionError):
        raise BadFile(f"{name} is not valid GeoJSON: it is nested too deeply, or holds a number that is too long.") from None


def _features(document: Any, name: str) -> list[Mapping[str, Any]]:
    kind = document.get("type") if isinstance(document, dict) else None
    if kind != "FeatureCollection" or not isinstance(document.get("features"), list):
        if kind == "FeatureCollection":
            raise BadFile(f"{name} has no list of features.")
        raise BadFile(f"{name} is not a GeoJSON FeatureCollection{f' but a {sheets.shorten(str(kind))}' if kind else ''}.")
    features: list[Any] = document["features"]
    if not features:
        raise BadFile(f"{name} holds no features, so there is nothing to import.")
    strangers = [number for number, feature in enumerate(features, 1) if not isinstance(feature, dict)]
    if strangers:
        raise BadFile(f"{name}, feature {strangers[0]}: is no GeoJSON object.")
    if not any(_polygons(feature) is not None for feature in features):
        raise BadFile(f"{name} holds no polygons. A ward's shape must be a Polygon or a MultiPolygon.")
    return features


def _check_fields(features: list[Mapping[str, Any]], name: str, wanted: list[str]) -> None:
    found = {key: None for feature in features for key in _properties(feature)}
    missing = [field for field in wanted if field not in found]
    if missing:
        properties = sheets.shorten(", ".join(map(str, found)), 300) or "none"
        raise BadFile(f"{name} has no property {' and none '.join(missing)}. The properties of its features are: {properties}.")


def _properties(feature: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = feature.get("properties")
    return properties if isinstance(properties, dict) else {}


def _polygons(feature: Mapping[str, Any]) -> Any:
    geometry = feature.get("geometry")
    if not isinstance(geometry, dict) or geometry.get("type") not in ("Polygon", "MultiPolygon"):
        return None
    coordinates = geometry.get("coordinates")
    return [coordinates] if geometry["type"] == "Polygon" else coordinates


def _shape(feature: Mapping[str, Any], code_field: str, name_field: str) -> WardShape:
    code, name = _code(_properties(feature), code_field), _word(_properties(feature), name_field)
    polygons = _polygons(feature)
    if polygons is None:
        raise BadRow(f"({code} {name}) has no shape that is a Polygon or a MultiPolygon")
    try:
        return WardShape(code, name, [[_ring(ring) for ring in _list(polygon, "polygon")] for polygon in _list(polygons, "shape")])
    except BadRow as error:
        raise BadRow(f"({code} {name}) {error}") from None


def _word(properties: Mapping[str, Any], field: str) -> str:
    value = properties.get(field)
    if not isinstance(value, (str, int)) or isinstance(value, bool) or legible.is_blank(str(value)):
        raise BadRow(f"has no {field}")
    word = " ".join(str(value).split())
    if not all(map(legible.is_clean, word)):
        raise BadRow(f"has control characters in its {field}")
    if len(word) > sheets.LONGEST_NAME:
        raise BadRow(f"has a {field} of {len(word):,} characters; at most {sheets.LONGEST_NAME} fit")
    return word


def _code(properties: Mapping[str, Any], field: str) -> str:
    code = _word(properties, field).upper()
    if not _CODE.fullmatch(code):
        raise BadRow(f"has the {field} {sheets.shorten(code)!r}; a ward's code has 1 to 40 letters, digits, - and _, such as E05016391")
    return code


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise BadRow(f"has a {what} without coordinates")
    return value


def _ring(value: Any) -> list[list[float]]:
    ring = [_position(position) for position in _list(value, "ring")]
    if len(ring) < 4:
        raise BadRow(f"has a ring of {len(ring)} points; the shortest has four, of which the last is the first again")
    if ring[0] != ring[-1]:
        raise BadRow("has a ring that is not closed: its last point must be the first again")
    if _twice_its_area(ring) < _NO_AREA:
        raise BadRow("has a ring without an area")
    return ring


def _twice_its_area(ring: list[list[float]]) -> float:
    x0, y0 = ring[0]  # measured from a corner, so that nothing is lost to rounding
    return abs(sum((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0) for (x1, y1), (x2, y2) in pairwise(ring)))


def _position(value: Any) -> list[float]:
    if not isinstance(value, list) or len(value) < 2 or not all(_is_number(number) for number in value[:2]):
        raise BadRow(f"has a point that is not a pair of numbers: {sheets.shorten(json.dumps(value))}")
    longitude, latitude = float(value[0]), float(value[1])
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        grid = " (they look like eastings and northings)" if 0 <= longitude <= 700_000 and 0 <= latitude <= 1_300_000 else ""
        raise BadRow(f"has coordinates that are not degrees, such as {value[0]}, {value[1]}{grid}; {_NOT_DEGREES}")
    if 49 <= longitude <= 61 and -9 <= latitude <= 2.5:  # the British Isles as seen with the axes swapped
        raise BadRow(f"has coordinates that look swapped, such as {value[0]}, {value[1]}; the longitude comes first")
    return [longitude, latitude]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
