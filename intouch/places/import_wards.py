"""Importing wards: a GeoJSON file of wards, and the areas they are grouped in, become the set in force from a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import sheets
from intouch.changes import Changes
from intouch.errors import BadInput
from intouch.places import containment
from intouch.places.geojson import WardShape
from intouch.places.models import Area, Ward
from intouch.sheets import BadRow, Row
from intouch.storage import inserting
from intouch.templating import plural

# The first set of a council is imported without a day: it has been in force for longer than anybody asks about,
# so that a set of last May, imported after it, closes it.
SINCE_EVER = date(1900, 1, 1)


@dataclass
class WardPlan:
    """What importing a file of wards would do."""

    changes: Changes
    starts_on: date
    moves_from: date | None = None
    ends_on: date | None = None
    added: list[WardShape] = field(default_factory=list)
    changed: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    areas: Mapping[str, str] = field(default_factory=dict)


def read_areas(path: Path, shapes: Sequence[WardShape]) -> dict[str, str]:
    """Ward code → area name of an areas' CSV (``area,ward_code``), whose wards must be among ``shapes``."""
    codes = {shape.code for shape in shapes}
    lines: dict[str, tuple[int, str]] = {}

    def read_row(row: Row) -> None:
        area, code = row.name("area"), row.required("ward_code").upper()
        if code not in codes:
            raise BadRow(f"the ward {code} is not in the file of wards")
        before = lines.setdefault(code, (row.line, area))
        if before[1] != area:
            raise BadRow(f"the ward {code} is in {before[1]} already (line {before[0]})")

    sheets.read_rows(sheets.read(path, ["area", "ward_code"]), read_row)
    return {code: area for code, (_, area) in lines.items()}


async def plan(
    session: AsyncSession, source: str, shapes: Sequence[WardShape], *, areas: Mapping[str, str], valid_from: date | None, today: date
) -> WardPlan:
    """What importing ``shapes`` would do to the wards there are.

    Wards with a known code are updated in place. With ``valid_from`` the file is the whole set from that day on: wards that
    are in force then and not in the file are closed on it, and the set itself ends where a later set begins. A set that has
    not begun yet may be moved to a later day.
    """
    known = {ward.code: ward for ward in await session.scalars(sa.select(Ward))}
    unknown = [shape for shape in shapes if shape.code not in known]
    _check_dates(source, shapes, known, valid_from=valid_from, has_unknown=bool(unknown))
    starts_on = valid_from or SINCE_EVER
    others = [ward for code, ward in sorted(known.items()) if code not in {shape.code for shape in shapes}]
    drawn = WardPlan(Changes(source, plural(len(shapes), "ward", "wards")), starts_on, added=unknown, areas=areas)
    if unknown:
        drawn.ends_on = min((ward.valid_from for ward in others if ward.valid_from > starts_on), default=None)
    names = await _area_names(session)
    closing = [w for w in others if valid_from and w.valid_from < starts_on and (w.valid_to is None or w.valid_to > starts_on)]
    is_new_set = bool(unknown or closing)
    if not is_new_set and valid_from:
        drawn.moves_from = _moves_later(source, valid_from, [known[shape.code] for shape in shapes], today=today)
        closing = [ward for ward in others if drawn.moves_from and ward.valid_to == drawn.moves_from]
    for shape in shapes:
        if shape.code in known:
            _compare(drawn, shape, known[shape.code], names, moves_start=valid_from is not None, is_new_set=is_new_set)
    if closing:
        drawn.closed = [ward.id for ward in closing]
        drawn.changes.closed = [f"{ward.code} {ward.name}" for ward in closing]
    _note(drawn, shapes)
    return drawn


def _check_dates(
    source: str, shapes: Sequence[WardShape], known: Mapping[str, Ward], *, valid_from: date | None, has_unknown: bool
) -> None:
    if known and has_unknown and valid_from is None:
        new = [shape.code for shape in shapes if shape.code not in known]
        raise BadInput(
            f"{source} has {plural(len(new), 'ward', 'wards')} that In Touch does not know, such as {new[0]}. If they are a new set, "
            "say from which day they are in force: --valid-from 2026-05-07. The wards before them are closed on that day."
        )
    ended = [shape.code for shape in shapes if valid_from and shape.code in known and _ended(known[shape.code], valid_from)]
    if ended:
        raise BadInput(
            f"{source} has {plural(len(ended), 'ward', 'wards')} closed on or before {valid_from}, such as {ended[0]}, closed on "
            f"{known[ended[0]].valid_to}. Please check the file and the date."
        )


def _moves_later(source: str, starts_on: date, wards: Sequence[Ward], *, today: date) -> date | None:
    """The day from which the set is moved to a later one; None when it isn't, ``BadInput`` when it has begun."""
    began = max(ward.valid_from for ward in wards)
    if began == SINCE_EVER or began >= starts_on:
        return None
    if began <= today:
        raise BadInput(
            f"The wards of {source} are in force since {began} already: people live in them, and answers and reports are counted by "
            f"them. So their first day can't be moved to {starts_on}. To change names, boundaries or areas, leave --valid-from out."
        )
    return began


def _ended(ward: Ward, on: date) -> bool:
    return ward.valid_to is not None and ward.valid_to <= on


def _compare(drawn: WardPlan, shape: WardShape, ward: Ward, area_names: Mapping[int, str], *, moves_start: bool, is_new_set: bool) -> None:
    values: dict[str, Any] = {}
    if ward.name != shape.name:
        values["name"] = shape.name
    if ward.boundary != shape.boundary:
        values |= _boundary(shape)
    if shape.code in drawn.areas and drawn.areas[shape.code] != area_names.get(ward.area_id or 0):
        values["area"] = drawn.areas[shape.code]
    was_undated = ward.valid_from == SINCE_EVER and not is_new_set
    is_moved = drawn.starts_on < ward.valid_from or ward.valid_from == drawn.moves_from
    if moves_start and (is_moved or (was_undated and drawn.starts_on != SINCE_EVER)):
        values["valid_from"] = drawn.starts_on
    if values:
        drawn.changed.append((ward.id, values))
        what = [word for word in ("name", "boundary", "area", "valid_from") if word in values]
        drawn.changes.changed.append(f"{shape.code} {shape.name} ({', '.join(what)})")
    else:
        drawn.changes.unchanged += 1


def _note(drawn: WardPlan, shapes: Sequence[WardShape]) -> None:
    changes = drawn.changes
    changes.added = [f"{shape.code} {shape.name}" for shape in drawn.added]
    if drawn.added:
        until = f" until {drawn.ends_on}, when the wards that follow them begin" if drawn.ends_on else ""
        since = "already" if drawn.starts_on == SINCE_EVER else f"from {drawn.starts_on}"
        changes.notes.append(f"The added wards are in force {since}{until}.")
    if drawn.closed:
        moved = "residents who live in them are moved or asked on that day, at once if it has passed"
        changes.notes.append(f"The closed wards end on {drawn.starts_on}; {moved}.")
    without = [shape.code for shape in shapes if shape.code not in drawn.areas]
    if drawn.areas and without:
        changes.notes.append(f"{plural(len(without), 'ward is', 'wards are')} in no area of the areas' file, such as {without[0]}.")


async def apply(session: AsyncSession, drawn: WardPlan) -> None:
    """Write what was planned."""
    areas = await _make_areas(session, set(drawn.areas.values()))
    for shape in drawn.added:
        area_id = areas.get(drawn.areas.get(shape.code, ""))
        dates = {"valid_from": drawn.starts_on, "valid_to": drawn.ends_on}
        session.add(Ward(code=shape.code, name=shape.name, area_id=area_id, **_boundary(shape), **dates))
    for ward_id, values in drawn.changed:
        columns = {column: value for column, value in values.items() if column != "area"}
        if "area" in values:
            columns["area_id"] = areas[values["area"]]
        await session.execute(sa.update(Ward).where(Ward.id == ward_id).values(columns))
    await session.execute(sa.update(Ward).where(Ward.id.in_(drawn.closed)).values(valid_to=drawn.starts_on))
    await session.flush()


def _boundary(shape: WardShape) -> dict[str, Any]:
    west, south, east, north = containment.box(shape.boundary)
    return {"boundary": shape.boundary, "west": west, "south": south, "east": east, "north": north}


async def _area_names(session: AsyncSession) -> dict[int, str]:
    return {area.id: area.name for area in await session.scalars(sa.select(Area))}


async def _make_areas(session: AsyncSession, names: set[str]) -> dict[str, int]:
    await inserting.insert_ignoring(session, Area, [{"name": name} for name in sorted(names)], conflict=["name"])
    return {name: area_id for area_id, name in (await _area_names(session)).items()}
