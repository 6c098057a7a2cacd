"""Listing: the reports as the council's staff look through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council.models import ResponseTeam
from intouch.errors import NotFound
from intouch.issues import references
from intouch.issues.models import IssuePhoto, IssueReport, IssueStatus
from intouch.places.models import Ward


@dataclass(frozen=True)
class Line:
    """One report in a list: nothing in it says who reported it."""

    reference: str
    status: IssueStatus
    category: str
    ward_code: str
    ward: str
    team: str
    place: str
    reported_at: datetime


async def lines(
    session: AsyncSession, *, ward_id: int | None = None, team: str = "", status: IssueStatus | None = None, limit: int = 200
) -> list[Line]:
    """Reports that were sent in, newest first, of a ward, a team and a status if these are given."""
    columns = (
        IssueReport.reference, IssueReport.status, IssueReport.category, Ward.code, Ward.name, ResponseTeam.name,
        IssueReport.place, IssueReport.reported_at,
    )  # fmt: skip
    statement = (
        sa.select(*columns)
        .outerjoin(Ward, Ward.id == IssueReport.ward_id)
        .outerjoin(ResponseTeam, ResponseTeam.id == IssueReport.team_id)
        .where(IssueReport.reference.is_not(None))
        .order_by(IssueReport.reported_at.desc(), IssueReport.id.desc())
        .limit(limit)
    )
    if ward_id is not None:
        statement = statement.where(IssueReport.ward_id == ward_id)
    if team:
        statement = statement.where(sa.func.lower(ResponseTeam.name) == team.strip().lower())
    if status is not None:
        statement = statement.where(IssueReport.status == status)
    rows = (await session.execute(statement)).all()
    return [
        Line(reference, status, category, code or "", ward or "", team_name or "", place, reported_at)
        for reference, status, category, code, ward, team_name, place, reported_at in rows
        if reference and reported_at
    ]


async def by_reference(session: AsyncSession, reference: str) -> IssueReport:
    """The report with this reference, typed any way; ``NotFound`` or ``BadInput`` otherwise."""
    wanted = references.normalise(reference)
    report: IssueReport | None = await session.scalar(sa.select(IssueReport).where(IssueReport.reference == wanted))
    if report is None:
        raise NotFound(f"There is no report {wanted}. `intouch issue list` shows all of them.")
    return report


async def photos(session: AsyncSession, report_id: int) -> Sequence[IssuePhoto]:
    """The photos of a report in the order in which they were sent."""
    return (await session.scalars(sa.select(IssuePhoto).where(IssuePhoto.report_id == report_id).order_by(IssuePhoto.id))).all()
