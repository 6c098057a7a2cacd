"""Residents on the command line: counts, and the export and erasure that anybody may ask the council for by letter."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
import typer

from intouch.cli import running, saying
from intouch.cli.saying import AsJson, Done, Yes
from intouch.errors import NotFound
from intouch.places.models import Ward
from intouch.privacy import erasure, export
from intouch.residents.models import Resident, ResidentStatus
from intouch.runtime import Runtime

app = typer.Typer(help="Residents: counts, export and erasure.", no_args_is_help=True)

ResidentId = Annotated[str, typer.Argument(metavar="ID", help="The resident's number.")]

_SEE = "Their own /export begins with it, and `intouch delivery list --state sent --json` has it beside their address."


@app.command("export")
def export_resident(resident_id: ResidentId) -> None:
    """Print everything held about a resident as JSON.

    Example: intouch resident export 12 > resident-12.json
    """

    number = saying.number(resident_id, "a resident", _SEE)

    async def work(runtime: Runtime) -> dict[str, Any]:
        async with runtime.sessions.read() as session:
            return await export.everything_about(session, number)

    saying.say_json(running.with_runtime(work))


@app.command("erase")
def erase_resident(resident_id: ResidentId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete everything about a resident, for good. Published counts stay as they are.

    Example: intouch resident erase 12
    """
    number = saying.number(resident_id, "a resident", _SEE)
    saying.make_sure(f"Delete everything about resident {number}, for good?", is_sure=yes)

    async def work(runtime: Runtime) -> None:
        async with runtime.sessions.write() as session:
            if not await erasure.erase(session, number, now=runtime.now()):
                raise NotFound(f"There is no resident {number}. They may have been erased already.")

    running.with_runtime(work)
    Done(f"Everything about resident {number} is deleted.", {"resident_id": number, "erased": True}).tell(as_json=as_json)


@app.command("list")
def list_residents(as_json: AsJson = False) -> None:
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
        saying.say_json(counts)
        return
    if not counts:
        saying.say("Nobody has signed up yet.")
    for row in counts:
        saying.say(f"{row['ward_code'] or '-':<10} {row['ward'] or 'no ward yet':<24} {row['status']:<8} {row['residents']:>7}")
