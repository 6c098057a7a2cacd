"""Issues: looking through reports and moving them on, from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.cli.running import say_json, with_runtime
from intouch.errors import BadInput, InTouchError
from intouch.issues import categories, following, listing, updating
from intouch.issues.models import IssuePhoto, IssueStatus
from intouch.places import lookup
from intouch.runtime import Runtime

app = typer.Typer(no_args_is_help=True)

Reference = Annotated[str, typer.Argument(metavar="REFERENCE", help="The report's number, such as SR-7K3M2; typed any way.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for a machine to read.")]

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

    async def work(runtime: Runtime) -> list[dict[str, Any]]:
        names = _categories(runtime)
        async with runtime.sessions.read() as session:
            ward_id = (await lookup.ward_named(session, ward)).id if ward else None
            lines = await listing.lines(session, ward_id=ward_id, team=team, status=_status(status) if status else None, limit=limit)
        return [vars(line) | {"category_name": names.name(line.category)} for line in lines]

    lines = with_runtime(work)
    if as_json:
        say_json(lines)
    elif not lines:
        typer.echo("No reports match.")
    else:
        _print_table(lines)


@app.command(epilog='Example: intouch issue update SR-7K3M2 --status fixed --note "Swept on Tuesday."')
def update(
    reference: Reference,
    status: Annotated[str, typer.Option(help=f"What it becomes: {_STATUSES}.")],
    note: Annotated[str, typer.Option(help="What the resident reads. Closing without fixing needs one.")] = "",
) -> None:
    """Move a report on; whoever reported it is told at once."""

    async def work(runtime: Runtime) -> str:
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
            return f"{report.reference} is {changed.status.value}."

    typer.echo(with_runtime(work))


@app.command(epilog="Example: intouch issue show SR-7K3M2")
def show(reference: Reference, as_json: AsJson = False) -> None:
    """Show one report with all that was done about it; never who reported it."""

    async def work(runtime: Runtime) -> dict[str, Any]:
        async with runtime.sessions.read() as session:
            return await _details(session, reference, _categories(runtime))

    details = with_runtime(work)
    if as_json:
        say_json(details)
        return
    for key, value in details.items():
        if key != "updates" and value not in ("", None):
            typer.echo(f"{key.replace('_', ' ')}: {value}")
    for one in details["updates"]:
        typer.echo(f"- {one['updated_at']} {one['status']} {one['note']}".rstrip())


@app.command(epilog="Example: intouch issue photos SR-7K3M2 --out photos")
def photos(
    reference: Reference, out: Annotated[Path, typer.Option(file_okay=False, help="Folder to write the photos to; made where missing.")]
) -> None:
    """Write the photos of a report into a folder."""

    async def work(runtime: Runtime) -> list[Path]:
        async with runtime.sessions.read() as session:
            report = await listing.by_reference(session, reference)
            found = await listing.photos(session, report.id)
        return _write(found, out, report.reference or "")

    paths = with_runtime(work)
    typer.echo("\n".join(map(str, paths)) if paths else "This report has no photos.")


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


def _print_table(lines: Sequence[dict[str, Any]]) -> None:
    for line in lines:
        where, category, team = line["ward"] or "-", line["category_name"], line["team"] or "-"
        typer.echo(f"{line['reference']}  {line['reported_at']:%Y-%m-%d}  {line['status']:<11}  {category:<20}  {where:<20}  {team}")


def _status(word: str) -> IssueStatus:
    wanted = word.strip().lower().replace("-", "_").replace(" ", "_")
    if wanted not in {"reported", "in_progress", "fixed", "closed"}:
        raise BadInput(f"There is no status {word!r}. Write {_STATUSES}.")
    return IssueStatus(wanted)


def _categories(runtime: Runtime) -> categories.Categories:
    return categories.load(runtime.settings.categories_file)
