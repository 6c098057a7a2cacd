"""Residents on the command line: counts, and the export and erasure that anybody may ask the council for by letter."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
import typer

from intouch.cli import running
from intouch.errors import NotFound
from intouch.places.models import Ward
from intouch.privacy import erasure, export
from intouch.residents.models import Resident, ResidentStatus
from intouch.runtime import Runtime

app = typer.Typer(help="Residents: counts, export and erasure.", no_args_is_help=True)

ResidentId = Annotated[int, typer.Argument(metavar="ID", min=1, max=running.LARGEST_ID, help="The resident's number.")]


@app.command("export")
def export_resident(resident_id: ResidentId) -> None:
    """Print everything held about a resident as JSON.

    Example: intouch resident export 12 > resident-12.json
    """

    async def work(runtime: Runtime) -> None:
        async with runtime.sessions.read() as session:
            running.say_json(await export.everything_about(session, resident_id))

    running.with_runtime(work)


@app.command("erase")
def erase_resident(resident_id: ResidentId, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Delete everything about a resident, for good. Published counts stay as they are.

    Example: intouch resident erase 12
    """
    if not yes:
        typer.confirm(f"Delete everything about resident {resident_id}, for good?", abort=True)

    async def work(runtime: Runtime) -> None:
        async with runtime.sessions.write() as session:
            if not await erasure.erase(session, resident_id, now=runtime.now()):
                raise NotFound(f"There is no resident {resident_id}. They may have been erased already.")

    running.with_runtime(work)
    typer.echo(f"Everything about resident {resident_id} is deleted.")


@app.command("list")
def list_residents(as_json: Annotated[bool, typer.Option("--json", help="For a machine to read.")] = False) -> None:
    """Count residents by ward and status. Names and addresses are never shown here.

    Example: intouch resident list --json
    """

    async def work(runtime: Runtime) -> list[dict[str, object]]:
        async with runtime.sessions.read() as session:
            query = (
                sa.select(Ward.code, Ward.name, Resident.status, sa.func.count())
                .select_from(Resident)
                .outerjoin(Ward, Ward.id == Resident.ward_id)
                .where(Resident.status != ResidentStatus.ERASED)
                .group_by(Ward.code, Ward.name, Resident.status)
                .order_by(Ward.name, Resident.status)
            )
            rows = await session.execute(query)
            return [{"ward_code": code, "ward": name, "status": status.value, "residents": count} for code, name, status, count in rows]

    counts = running.with_runtime(work)
    if as_json:
        running.say_json(counts)
        return
    for row in counts:
        typer.echo(f"{row['ward_code'] or '-':<10} {row['ward'] or 'no ward yet':<24} {row['status']:<8} {row['residents']:>7}")
