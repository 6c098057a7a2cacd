"""Imports: wards, postcodes, councillors, notices and teams from files; a dry run until ``--commit``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.changes import Changes
from intouch.cli.running import with_runtime
from intouch.cli.saying import AsJson, Done, fail
from intouch.council import import_councillors, import_notices, import_teams
from intouch.errors import BadInput
from intouch.issues import moving as reports
from intouch.places import geojson, import_postcodes, import_wards
from intouch.residents import moving
from intouch.residents.moving import Moved
from intouch.runtime import Runtime
from intouch.surveys import grouping

app = typer.Typer(no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The file to import.")]
Commit = Annotated[bool, typer.Option("--commit", help="Do it. Without it nothing is changed, and you see what would be.")]
Day = Annotated[
    str,
    typer.Option(
        "--valid-from",
        metavar="YYYY-MM-DD",
        help="First day of a new set of wards: the set before it ends. Left out: the first set, in force already.",
    ),
]


@dataclass(frozen=True)
class Followed:
    """What went into its new ward with an import of wards or postcodes: residents, and reports by their number."""

    residents: Moved
    reports: int


# Reads the file, plans, and (when told to) applies; gives the report and what became of residents and reports.
Work: TypeAlias = Callable[[Runtime, AsyncSession, bool], Awaitable[tuple[Changes, Followed | None]]]


@app.command("wards")
def wards(  # noqa: PLR0917 - typer's options are no positional arguments
    file: File,
    code_field: Annotated[str, typer.Option(help="The property that holds a ward's GSS code.")],
    name_field: Annotated[str, typer.Option(help="The property that holds a ward's name.")],
    areas: Annotated[Path | None, typer.Option(help="CSV of areas: area,ward_code.")] = None,
    valid_from: Day = "",
    commit: Commit = False,
    as_json: AsJson = False,
) -> None:
    """Import wards and their boundaries from a GeoJSON file (WGS 84).

    Example: intouch import wards wards.geojson --code-field WD26CD --name-field WD26NM --valid-from 2026-05-07 --commit
    """
    since = _day(valid_from)

    async def work(runtime: Runtime, session: AsyncSession, is_real: bool) -> tuple[Changes, Followed | None]:
        shapes = geojson.read(file, code_field=code_field, name_field=name_field)
        area_of = import_wards.read_areas(areas, shapes) if areas else {}
        plan = await import_wards.plan(session, file.name, shapes, areas=area_of, valid_from=since, today=_today(runtime))
        if is_real:
            await import_wards.apply(session, plan)
            await grouping.keep(session)
        return plan.changes, await _move(runtime, session) if is_real else None

    _import(work, commit=commit, as_json=as_json)


@app.command("postcodes")
def postcodes(  # noqa: PLR0917 - typer's options are no positional arguments
    file: File,
    postcode_field: Annotated[str, typer.Option(help="The column that holds the postcode.")],
    ward_field: Annotated[str, typer.Option(help="The column that holds the ward's GSS code.")],
    lon_field: Annotated[str | None, typer.Option(help="The column of the centre's longitude; lon, if there is one.")] = None,
    lat_field: Annotated[str | None, typer.Option(help="The column of the centre's latitude; lat, if there is one.")] = None,
    commit: Commit = False,
    as_json: AsJson = False,
) -> None:
    """Import which postcode lies in which ward from a CSV file.

    Example: intouch import postcodes postcodes.csv --postcode-field postcode --ward-field WD26CD --commit
    """

    async def work(runtime: Runtime, session: AsyncSession, is_real: bool) -> tuple[Changes, Followed | None]:
        known = await import_postcodes.known_wards(session)
        rows = import_postcodes.read(
            file, wards=known, postcode_field=postcode_field, ward_field=ward_field, longitude_field=lon_field, latitude_field=lat_field
        )
        plan = await import_postcodes.plan(session, file.name, rows)
        if not is_real:
            return plan.changes, None
        await import_postcodes.apply(session, plan)
        followed = await _move(runtime, session)
        more = await moving.follow_postcodes(session, on=_today(runtime), now=runtime.now())
        return plan.changes, replace(followed, residents=replace(followed.residents, moved=followed.residents.moved + more))

    _import(work, commit=commit, as_json=as_json)


@app.command("councillors")
def councillors(file: File, commit: Commit = False, as_json: AsJson = False) -> None:
    """Import who is in office from a CSV file (name,ward_code,email); councillors who are not in it have left office.

    Example: intouch import councillors councillors.csv --commit
    """

    async def work(runtime: Runtime, session: AsyncSession, is_real: bool) -> tuple[Changes, Followed | None]:
        rows = await import_councillors.read(session, file, today=_today(runtime))
        plan = await import_councillors.plan(session, file.name, rows)
        if is_real:
            await import_councillors.apply(session, plan)
        return plan.changes, None

    _import(work, commit=commit, as_json=as_json)


@app.command("notices")
def notices(file: File, commit: Commit = False, as_json: AsJson = False) -> None:
    """Import notices from a CSV file (kind,title,text,ward_codes,starts_on,ends_on,url); no ward codes: the whole city.

    Example: intouch import notices notices.csv --commit
    """

    async def work(runtime: Runtime, session: AsyncSession, is_real: bool) -> tuple[Changes, Followed | None]:
        rows = await import_notices.read(session, file, today=_today(runtime))
        plan = await import_notices.plan(session, file.name, rows)
        if is_real:
            await import_notices.apply(session, plan, now=runtime.now())
        return plan.changes, None

    _import(work, commit=commit, as_json=as_json)


@app.command("teams")
def teams(file: File, commit: Commit = False, as_json: AsJson = False) -> None:
    """Import response teams from a CSV file (team,area,email); no area: the whole city.

    Example: intouch import teams teams.csv --commit
    """

    async def work(_runtime: Runtime, session: AsyncSession, is_real: bool) -> tuple[Changes, Followed | None]:
        plan = await import_teams.plan(session, file.name, await import_teams.read(session, file))
        if is_real:
            await import_teams.apply(session, plan)
        return plan.changes, None

    _import(work, commit=commit, as_json=as_json)


def _import(work: Work, *, commit: bool, as_json: bool) -> None:
    async def run(runtime: Runtime) -> tuple[Changes, Followed | None]:
        opened: AbstractAsyncContextManager[AsyncSession] = runtime.sessions.write() if commit else runtime.sessions.read()
        async with opened as session:
            return await work(runtime, session, commit)

    changes, followed = with_runtime(run)
    figures = {**changes.to_json(), "committed": commit, **(asdict(followed) if followed else {"residents": None, "reports": None})}
    Done("\n".join([*changes.lines(), *_followed(followed), _ending(changes, commit)]), figures).tell(as_json=as_json)


def _followed(followed: Followed | None) -> list[str]:
    if followed is None:
        return []
    moved, lines = followed.residents, []
    if moved != Moved():
        waiting = f", {moved.unchanged:,} wait for the new postcodes" if moved.unchanged else ""
        lines.append(f"Residents: {moved.moved:,} moved to their new ward, {moved.to_ask:,} asked for it{waiting}.")
    if followed.reports:
        lines.append(f"Reports: {followed.reports:,} moved to their new ward.")
    return lines


def _ending(changes: Changes, commit: bool) -> str:
    if changes.is_empty:
        return "Everything is as in the file: nothing to change."
    return "Done." if commit else "This was a dry run: nothing has been changed. Run it again with --commit to do it."


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if found.isoformat() != text or not 1900 <= found.year <= 2100:
        raise fail(BadInput(f"“{text[:40]}” is no day on which wards could begin. Write year, month and day: --valid-from 2026-05-07."))
    return found


def _today(runtime: Runtime) -> date:
    return runtime.now().astimezone(runtime.settings.zone).date()


async def _move(runtime: Runtime, session: AsyncSession) -> Followed:
    today, now = _today(runtime), runtime.now()
    moved = await moving.move_to_new_wards(session, on=today, now=now, templates=runtime.templates, links=runtime.links)
    return Followed(moved, await reports.move_to_new_wards(session, on=today, now=now))
