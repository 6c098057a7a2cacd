"""GeoJSON: wards are read from polygons, and what is wrong with a file or a feature is said."""

import json
from pathlib import Path
from typing import Any

import pytest

from intouch.places import geojson
from intouch.sheets import BadFile
from tests.places.squares import square


def feature(code: Any = "E05016391", name: Any = "Southwick", **geometry: Any) -> dict[str, Any]:
    geometry.setdefault("type", "Polygon")
    geometry.setdefault("coordinates", square(-1.5, 54.5))
    return {"type": "Feature", "properties": {"CODE": code, "NAME": name}, "geometry": geometry}


def collection(*features: Any) -> str:
    return json.dumps({"type": "FeatureCollection", "features": list(features)})


def parse(text: str) -> list[geojson.WardShape]:
    return geojson.parse(text, "wards.geojson", code_field="CODE", name_field="NAME")


def ring(*positions: Any) -> list[Any]:
    return [list(positions)]


def test_polygons_and_multipolygons_become_boundaries_without_heights() -> None:
    raised, other = ([[[x, y, 12.5] for x, y in square(west, 54.5)[0]]] for west in (-1.5, -0.5))
    shapes = parse(
        collection(feature(" e05016391 ", coordinates=raised), feature(7, " Two  parts ", type="MultiPolygon", coordinates=[other]))
    )
    assert shapes[0] == geojson.WardShape("E05016391", "Southwick", [square(-1.5, 54.5)])
    assert shapes[1] == geojson.WardShape("7", "Two parts", [square(-0.5, 54.5)])


def test_a_file_in_utf_16_or_with_a_mark_is_read(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        path = tmp_path / "wards.geojson"
        path.write_bytes(collection(feature(name="Žižkov")).encode(encoding))
        assert geojson.read(path, code_field="CODE", name_field="NAME")[0].name == "Žižkov"


@pytest.mark.parametrize("raw", [b"PK\x03\x04 a shape file, zipped", b"\x81\x8d\x00\xff"])
def test_what_is_no_text_is_asked_for_as_geojson_and_not_as_a_table(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "wards.geojson"
    path.write_bytes(raw)
    with pytest.raises(BadFile) as refused:
        geojson.read(path, code_field="code", name_field="name")
    assert "GeoJSON in UTF-8" in str(refused.value) and "CSV" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is not valid JSON: line 1, column 1"),
        ('{"type": "FeatureCollection",\n"features": [}', "is not valid JSON: line 2, column 14"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "is not a GeoJSON FeatureCollection."),
        ('{"type": "Topology"}', "is not a GeoJSON FeatureCollection but a Topology."),
        ('{"type": "FeatureCollection", "features": 5}', "has no list of features."),
        (collection(), "holds no features"),
        (collection(5), "feature 1: is no GeoJSON object"),
        (collection(feature(type="Point", coordinates=[-1, 54])), "holds no polygons"),
        (collection({"type": "Feature", "properties": {"CODE": "E1", "NAME": "N"}, "geometry": None}), "holds no polygons"),
        (collection({**feature(), "properties": {"WD26CD": 1, "WD26NM": 2}}), "properties of its features are: WD26CD, WD26NM."),
        (collection({**feature(), "properties": {"CODE": "E1", "WD26NM": "N"}}), "no property NAME. The properties of its"),
        (collection({**feature(), "properties": None}), "The properties of its features are: none"),
        (collection(feature()).replace("54.5", "NaN", 1), "holds NaN where a number belongs"),
        (collection(feature()).replace("54.5", "-Infinity", 1), "holds -Infinity where a number belongs"),
    ],
)  # fmt: skip
def test_a_file_that_holds_no_wards_is_said_to_be_what_it_is(text: str, sentence: str) -> None:
    with pytest.raises(BadFile) as raised:
        parse(text)
    assert sentence in str(raised.value)
    assert "wards.geojson" in str(raised.value)


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (feature(), "has the code E05016391, which feature 1 has too"),
        (feature("E2"), "(E2 Southwick) covers the same ground as feature 1 (E05016391 Southwick)"),
        (feature("E2", coordinates=square(-0.6, 54.6)), "(E2 Southwick) covers the same ground as feature 1"),
        (feature("E2", coordinates=ring([0, 0], [2, 2], [2, 0], [0, 1], [0, 0])), "(E2 Southwick) has a shape that crosses itself"),
        (feature("E2", type="MultiPolygon", coordinates=[square(0, 0), square(0.5, 0)]), "or parts or holes that lie on one another"),
        (feature("E 2"), "has the CODE 'E 2'; a ward's code has 1 to 40 letters, digits, - and _"),
        (feature("E.2"), "has the CODE 'E.2'; a ward's code"),
        (feature("<b>"), "has the CODE '<B>'; a ward's code"),
        (feature("E" * 41), "a ward's code has 1 to 40"),
        (feature("Ё1"), "a ward's code has 1 to 40"),
        (feature("E2", name="\u200b"), "has no NAME"),
        (feature("E2", name="W" * 101), "has a NAME of 101 characters; at most 100 fit"),
        (feature(code=None), "has no CODE"),
        (feature(code=True), "has no CODE"),
        (feature("E2", name="  "), "has no NAME"),
        (feature("E2", type="Point", coordinates=[-1, 54]), "(E2 Southwick) has no shape that is a Polygon"),
        (feature("E2", type="MultiPolygon", coordinates=[]), "has a shape without coordinates"),
        (feature("E2", type="MultiPolygon", coordinates=[[]]), "has a polygon without coordinates"),
        (feature("E2", coordinates=[[]]), "has a ring without coordinates"),
        (feature("E2", coordinates=ring([0, 0], [1, 0], [0, 0])), "a ring of 3 points"),
        (feature("E2", coordinates=ring([0, 0], [1, 0], [1, 1], [0, 1])), "a ring that is not closed"),
        (feature("E2", coordinates=ring([0, 0], [1, 0], [2, 0], [0, 0])), "a ring without an area"),
        (feature("E2", coordinates=ring([0, 0], [0.1, 0.3], [0.2, 0.6], [0, 0])), "a ring without an area"),
        (feature("E2", coordinates=ring([0, 0], [1, "0"], [1, 1], [0, 0])), "not a pair of numbers: [1, \"0\"]"),
        (feature("E2", coordinates=ring([0, 0], [1], [1, 1], [0, 0])), "not a pair of numbers: [1]"),
        (feature("E2", coordinates=ring([0, 0], [True, 1], [1, 1], [0, 0])), "not a pair of numbers"),
        (feature("E2", coordinates=square(439730, 556975)), "439730, 556975 (they look like eastings and northings); save"),
        (feature("E2", coordinates=square(-1000, -1000)), "coordinates that are not degrees, such as -1000, -1000; save"),
        (feature("E2", coordinates=square(54.5, -1.5, 0.1)), "look swapped, such as 54.5, -1.5; the longitude comes first"),
    ],
)  # fmt: skip
def test_each_bad_feature_is_named_with_its_reason(bad: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadFile) as raised:
        parse(collection(feature(), bad))
    assert "1 feature that can't be read" in str(raised.value)
    assert "wards.geojson, feature 2: " in str(raised.value)
    assert sentence in str(raised.value)


def test_neighbours_that_touch_or_share_a_sliver_are_two_wards() -> None:
    beside = [feature(), feature("E2", coordinates=square(-0.5, 54.5)), feature("E3", coordinates=square(-1.5, 55.495))]
    assert [shape.code for shape in parse(collection(*beside))] == ["E05016391", "E2", "E3"]


@pytest.mark.parametrize("unseen", ["\x1b[2J", "\x9b31m", "\u202e", "\ud83d"])
def test_a_name_that_would_rule_a_terminal_is_refused(unseen: str) -> None:
    with pytest.raises(BadFile, match="has control characters in its NAME"):
        parse(collection(feature(name=f"South{unseen}wick")))
