"""Importing response teams: a CSV file says which team deals with the reports of which area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import sheets
from intouch.changes import Changes
from intouch.council.import_councillors import address
from intouch.council.models import ResponseTeam
from intouch.errors import BadInput
from intouch.places.models import Area
from intouch.sheets import BadRow, Row
from intouch.templating import plural


@dataclass(frozen=True)
class TeamRow:
    """A team as the file has it; no area: the whole city."""

    name: str
    area_id: int | None
    area: str
    email: str


@dataclass
class TeamPlan:
    """What importing a file of teams would do."""

    changes: Changes
    added: list[TeamRow] = field(default_factory=list)
    changed: list[tuple[int, TeamRow]] = field(default_factory=list)


async def read(session: AsyncSession, path: Path) -> list[TeamRow]:
    """The teams in a file (``team,area,email``); ``BadFile`` names what is wrong with it or with each of its rows."""
    areas = {area.name.casefold(): area for area in await session.scalars(sa.select(Area))}
    rows: dict[TeamRow, int] = {}

    def read_row(row: Row) -> None:
        name, wanted = row.name("team"), " ".join(row["area"].split())
        area = areas.get(wanted.casefold())
        if wanted and area is None:
            known = ", ".join(sorted(area.name for area in areas.values())) or "none yet"
            raise BadRow(f"the area {sheets.shorten(wanted)!r} is not known; the areas are: {known}")
        email = address(row["email"]) if row["email"] else ""
        read = TeamRow(name, area.id if area else None, area.name if area else "the whole city", email)
        for other, line in rows.items():
            if read != other and (read.name == other.name or read.area_id == other.area_id):
                raise BadRow(
                    f"line {line} has {'the team ' + other.name if read.name == other.name else 'a team for ' + other.area} already"
                )
        rows.setdefault(read, row.line)

    sheets.read_rows(sheets.read(path, ["team", "area", "email"]), read_row)
    return list(rows)


async def plan(session: AsyncSession, source: str, rows: Sequence[TeamRow]) -> TeamPlan:
    """What importing ``rows`` would do; an area's team that the file calls by a new name is renamed and keeps its reports."""
    stored = list(await session.scalars(sa.select(ResponseTeam).order_by(ResponseTeam.id)))
    by_name = {team.name: team for team in stored}
    names = {row.name for row in rows}
    by_area = {team.area_id: team for team in stored if team.name not in names}
    drawn = TeamPlan(Changes(source, plural(len(rows), "team", "teams")))
    for row in rows:
        before = by_name.get(row.name) or by_area.get(row.area_id)
        label = f"{row.name} for {row.area}"
        if before is None:
            drawn.added.append(row)
            drawn.changes.added.append(label)
        elif (before.name, before.area_id, before.email) != (row.name, row.area_id, row.email):
            drawn.changed.append((before.id, row))
            drawn.changes.changed.append(label)
        else:
            drawn.changes.unchanged += 1
    _refuse_two(source, rows, by_name, by_area)
    return drawn


def _refuse_two(source: str, rows: Sequence[TeamRow], by_name: dict[str, ResponseTeam], by_area: dict[int | None, ResponseTeam]) -> None:
    for row in rows:
        other = by_area.get(row.area_id)
        if other is not None and row.name in by_name:
            raise BadInput(f"{source} gives {row.area} to {row.name}, but {other.name} has it. Please put {other.name} into the file too.")


async def apply(session: AsyncSession, drawn: TeamPlan) -> None:
    """Write what was planned."""
    for team_id, row in drawn.changed:
        values = {"name": row.name, "area_id": row.area_id, "email": row.email}
        await session.execute(sa.update(ResponseTeam).where(ResponseTeam.id == team_id).values(values))
    session.add_all([ResponseTeam(name=row.name, area_id=row.area_id, email=row.email) for row in drawn.added])
    await session.flush()
