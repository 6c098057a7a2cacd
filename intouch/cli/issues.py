"""Issues: looking through reports and moving them on, from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.cli.running import with_runtime
from intouch.cli.saying import AsJson, Done, moment, say, say_json
from intouch.errors import BadInput, InTouchError
from intouch.issues import categories, following, listing, updating
from intouch.issues.models import IssuePhoto, IssueStatus
from intouch.places import lookup
from intouch.runtime import Runtime

app = typer.Typer(no_args_is_help=True)

Reference = Annotated[str, typer.Argument(metavar="REFERENCE", help="The report's number, such as SR-7K3M2; typed any way.")]

_STATUSES = "reported, in_progress, fixed or closed"


@app.command("list", epilog="Example: intouch issue list --ward E05016391 --status reported")
def list_reports(
    ward: Annotated[str, typer.Option(help="Only this ward, by its code or name.")] = "",
    status: Annotated[str, typer.Option(help=f"Only this status: {_STATUSES}.")] = "",
    team: Annotated[str, typer.Option(help="Only the reports of this response team, by its name.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The newest so many.")] = 200,
    as_json: AsJson = False,
) -> None:
    """List the reports that residents sent in, newest first."""

    async def work(runtime: Runtime) -> tuple[list[dict[str, Any]], ZoneInfo]:
        names = _categories(runtime)
        async with runtime.sessions.read() as session:
            ward_id = (await lookup.ward_named(session, ward)).id if ward else None
            lines = await listing.lines(session, ward_id=ward_id, team=team, status=_status(status) if status else None, limit=limit)
        return [vars(line) | {"category_name": names.name(line.category)} for line in lines], runtime.settings.zone

    lines, zone = with_runtime(work)
    if as_json:
        say_json(lines)
    elif not lines:
        say("No reports match.")
    else:
        _print_table(lines, zone)


@app.command(epilog='Example: intouch issue update SR-7K3M2 --status fixed --note "Swept on Tuesday."')
def update(
    reference: Reference,
    status: Annotated[str, typer.Option(help=f"What it becomes: {_STATUSES}.")],
    note: Annotated[str, typer.Option(help="What the resident reads. Closing without fixing needs one.")] = "",
    as_json: AsJson = False,
) -> None:
    """Move a report on; whoever reported it is told at once."""

    async def work(runtime: Runtime) -> Done:
        async with runtime.sessions.write() as session:
            changed = await updating.update(
                session,
                reference,
                status=_status(status),
                note=note,
                now=runtime.now(),
                templates=runtime.templates,
                categories=_categories(runtime),
            )
            report = await listing.by_reference(session, reference)
            figures = {"reference": report.reference, "status": changed.status, "note": changed.note, "updated_at": changed.updated_at}
            return Done(f"{report.reference} is {changed.status.value}.", figures)

    with_runtime(work).tell(as_json=as_json)


@app.command(epilog="Example: intouch issue show SR-7K3M2")
def show(reference: Reference, as_json: AsJson = False) -> None:
    """Show one report with all that was done about it; never who reported it."""

    async def work(runtime: Runtime) -> tuple[dict[str, Any], ZoneInfo]:
        async with runtime.sessions.read() as session:
            return await _details(session, reference, _categories(runtime)), runtime.settings.zone

    details, zone = with_runtime(work)
    if as_json:
        say_json(details)
        return
    for key, value in details.items():
        if key != "updates" and value not in ("", None):
            say(f"{key.replace('_', ' ')}: {_words(value, zone)}")
    for one in details["updates"]:
        say(f"- {_words(one['updated_at'], zone)}: {one['status']}. {_words(one['note'], zone)}".rstrip())


def _words(value: Any, zone: ZoneInfo) -> str:
    """A moment in council time; what takes more lines is set in, so that it does not look like a line of ours."""
    return moment(value, zone) if isinstance(value, datetime) else "\n    ".join(str(value).splitlines())


@app.command(epilog="Example: intouch issue photos SR-7K3M2 --out photos")
def photos(
    reference: Reference,
    out: Annotated[Path, typer.Option(help="Folder to write the photos to; made where missing.")],
    as_json: AsJson = False,
) -> None:
    """Write the photos of a report into a folder."""

    async def work(runtime: Runtime) -> list[Path]:
        async with runtime.sessions.read() as session:
            report = await listing.by_reference(session, reference)
            found = await listing.photos(session, report.id)
        return _write(found, out, report.reference or "")

    paths = with_runtime(work)
    Done("\n".join(map(str, paths)) or "This report has no photos.", {"photos": paths}).tell(as_json=as_json)


def _write(found: Sequence[IssuePhoto], out: Path, name: str) -> list[Path]:
    paths = [out / f"{name}-{number}.jpg" for number in range(1, len(found) + 1)]
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, photo in zip(paths, found, strict=True):
            path.write_bytes(photo.jpeg)
    except OSError as error:
        raise InTouchError(f"The photos can't be written to {out}: {error.strerror}.") from None
    return paths


async def _details(session: AsyncSession, reference: str, names: categories.Categories) -> dict[str, Any]:
    report = await listing.by_reference(session, reference)
    history = await following.history(session, report)
    return {
        "reference": report.reference,
        "status": report.status.value,
        "category": report.category,
        "category_name": names.name(report.category),
        "team": history.team,
        "ward": history.ward,
        "place": report.place,
        "longitude": report.longitude,
        "latitude": report.latitude,
        "description": report.description,
        "photos": history.photos,
        "reported_at": report.reported_at,
        "updates": [{"updated_at": one.updated_at, "status": one.status.value, "note": one.note} for one in history.updates],
    }


def _print_table(lines: Sequence[dict[str, Any]], zone: ZoneInfo) -> None:
    for line in lines:
        where, category, team = line["ward"] or "-", line["category_name"], line["team"] or "-"
        day = line["reported_at"].astimezone(zone).date()
        say(f"{line['reference']}  {day}  {line['status']:<11}  {category:<20}  {where:<20}  {team}")


def _status(word: str) -> IssueStatus:
    wanted = word.strip().lower().replace("-", "_").replace(" ", "_")
    if wanted not in {"reported", "in_progress", "fixed", "closed"}:
        raise BadInput(f"There is no status “{word[:40]}”. Write {_STATUSES}.")
    return IssueStatus(wanted)


def _categories(runtime: Runtime) -> categories.Categories:
    return categories.load(runtime.settings.categories_file)
