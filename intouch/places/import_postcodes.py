"""Importing postcodes: a CSV file says in which ward each postcode lies, and where its centre is."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import sheets
from intouch.changes import Changes
from intouch.errors import BadInput
from intouch.places import postcodes
from intouch.places.models import Postcode, Ward
from intouch.sheets import BadRow, Row, Sheet
from intouch.storage import inserting
from intouch.templating import plural


@dataclass(frozen=True)
class PostcodeRow:
    """A postcode as a file has it; ``line`` is where."""

    line: int
    postcode: str
    ward_code: str
    longitude: float | None
    latitude: float | None


@dataclass
class PostcodePlan:
    """What importing a file of postcodes would do: ``upserts`` are rows of the table."""

    changes: Changes
    upserts: list[dict[str, object]] = field(default_factory=list)


async def known_wards(session: AsyncSession) -> set[str]:
    """The codes of all wards; ``BadInput`` when there are none yet."""
    codes = set(await session.scalars(sa.select(Ward.code)))
    if not codes:
        raise BadInput("There are no wards yet. Please import the wards first: `intouch import wards FILE.geojson …`.")
    return codes


def read(
    path: Path,
    *,
    wards: Container[str],
    postcode_field: str,
    ward_field: str,
    longitude_field: str | None = None,
    latitude_field: str | None = None,
) -> list[PostcodeRow]:
    """The postcodes in a file; ``BadFile`` names what is wrong with it or with each of its rows, such as a code not in ``wards``.

    Without field names for the centre, the columns ``lon`` and ``lat`` are used if they are there.
    """
    named = [column for column in (longitude_field, latitude_field) if column]
    if len(named) == 1:
        raise BadInput("Please name both --lon-field and --lat-field, or neither.")
    sheet = sheets.read(path, [postcode_field, ward_field, *named])
    centre = _centre_columns(sheet, named)
    first: dict[str, PostcodeRow] = {}

    def read_row(row: Row) -> None:
        read = _read_row(row, postcode_field, ward_field, centre)
        if read.ward_code not in wards:
            raise BadRow(f"the ward {sheets.shorten(read.ward_code)} is not known; import the wards first")
        before = first.setdefault(read.postcode, read)
        if before.ward_code != read.ward_code:
            raise BadRow(f"{postcodes.display(read.postcode)} is in the ward {before.ward_code} already (line {before.line})")

    sheets.read_rows(sheet, read_row)
    return list(first.values())


def _centre_columns(sheet: Sheet, named: list[str]) -> tuple[str, str] | None:
    if named:
        return named[0], named[1]
    return ("lon", "lat") if sheet.has("lon") and sheet.has("lat") else None


def _read_row(row: Row, postcode_field: str, ward_field: str, centre: tuple[str, str] | None) -> PostcodeRow:
    postcode = postcodes.strict(row.required(postcode_field))
    if postcode is None:
        raise BadRow(f"{sheets.shorten(row[postcode_field])!r} is not a postcode")
    ward_code = row.required(ward_field).upper()
    if centre is None or not (row[centre[0]] or row[centre[1]]):
        return PostcodeRow(row.line, postcode, ward_code, None, None)
    longitude, latitude = _degrees(row, centre[0], 180), _degrees(row, centre[1], 90)
    return PostcodeRow(row.line, postcode, ward_code, longitude, latitude)


def _degrees(row: Row, column: str, most: float) -> float:
    try:
        value = float(row[column])
    except ValueError:
        raise BadRow(f"{column} is {sheets.shorten(row[column])!r}, which is not a number") from None
    if not math.isfinite(value) or abs(value) > most:
        raise BadRow(f"{column} is {row[column]}, which is not degrees between -{most} and {most}")
    return value


async def plan(session: AsyncSession, source: str, rows: Sequence[PostcodeRow]) -> PostcodePlan:
    """What importing ``rows``, whose wards are all known, would do.

    A postcode whose stored ward came into force later than the file's keeps it, so that files may come in any order.
    """
    wards = {ward.code: ward for ward in await session.execute(sa.select(Ward.id, Ward.code, Ward.valid_from))}
    since = {ward.id: ward.valid_from for ward in wards.values()}
    columns = (Postcode.postcode, Postcode.ward_id, Postcode.longitude, Postcode.latitude)
    stored = {row.postcode: row for row in await session.execute(sa.select(*columns))}
    drawn = PostcodePlan(Changes(source, plural(len(rows), "postcode", "postcodes")))
    kept = 0
    for row in rows:
        ward, before = wards[row.ward_code], stored.get(row.postcode)
        if before is None:
            drawn.changes.added.append(f"{postcodes.display(row.postcode)} in {row.ward_code}")
            drawn.upserts.append(_upsert(row, ward.id))
        elif since[before.ward_id] > ward.valid_from:
            kept += 1
        elif before.ward_id != ward.id or (row.longitude is not None and _moved(row, before)):
            drawn.changes.changed.append(f"{postcodes.display(row.postcode)} to {row.ward_code}")
            drawn.upserts.append(_upsert(row, ward.id))
        else:
            drawn.changes.unchanged += 1
    _note(drawn.changes, kept=kept, missing=len(stored.keys() - {row.postcode for row in rows}))
    return drawn


def _moved(row: PostcodeRow, before: sa.Row[str, int, float | None, float | None]) -> bool:
    return (row.longitude, row.latitude) != (before.longitude, before.latitude)


def _upsert(row: PostcodeRow, ward_id: int) -> dict[str, object]:
    return {"postcode": row.postcode, "ward_id": ward_id, "longitude": row.longitude, "latitude": row.latitude}


def _note(changes: Changes, *, kept: int, missing: int) -> None:
    if kept:
        changes.notes.append(
            f"{plural(kept, 'postcode keeps its', 'postcodes keep their')} ward: it came into force later than the file's."
        )
    if missing:
        changes.notes.append(f"{plural(missing, 'postcode is', 'postcodes are')} not in the file; nothing is done about that.")


async def apply(session: AsyncSession, drawn: PostcodePlan) -> None:
    """Write what was planned."""
    if drawn.upserts:
        statement = inserting.insert(session, Postcode)
        # A file without centres keeps the centres there are: a resident may be moved by them one day.
        values = {
            "ward_id": statement.excluded.ward_id,
            "longitude": sa.func.coalesce(statement.excluded.longitude, Postcode.longitude),
            "latitude": sa.func.coalesce(statement.excluded.latitude, Postcode.latitude),
        }
        connection = await session.connection()
        await connection.execute(statement.on_conflict_do_update(index_elements=["postcode"], set_=values), drawn.upserts)
