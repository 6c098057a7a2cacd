"""Following: what a resident sees of their own reports."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council.models import ResponseTeam
from intouch.errors import NotFound
from intouch.issues.models import IssuePhoto, IssueReport, IssueStatus, IssueUpdate
from intouch.places.models import Ward

_NOT_SENT = (IssueStatus.DRAFT, IssueStatus.CANCELLED)


@dataclass(frozen=True)
class History:
    """A report with all that was done about it, oldest first."""

    report: IssueReport
    updates: tuple[IssueUpdate, ...]
    ward: str
    team: str
    photos: int


async def reports_of(session: AsyncSession, resident_id: int, *, limit: int, offset: int = 0) -> list[IssueReport]:
    """The reports that this resident sent in, newest first."""
    statement = (
        sa.select(IssueReport)
        .where(IssueReport.resident_id == resident_id, IssueReport.status.not_in(_NOT_SENT))
        .order_by(IssueReport.reported_at.desc(), IssueReport.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return list(await session.scalars(statement))


async def own_history(session: AsyncSession, report_id: int, *, resident_id: int) -> History:
    """The history of one of this resident's reports; ``NotFound`` for anybody else's."""
    report = await session.get(IssueReport, report_id)
    if report is None or report.resident_id != resident_id or report.status in _NOT_SENT:
        raise NotFound("We can't find that report among yours. Send /myreports to see them.")
    return await history(session, report)


async def history(session: AsyncSession, report: IssueReport) -> History:
    """What was done about ``report``."""
    order = (IssueUpdate.updated_at, IssueUpdate.id)
    updates = await session.scalars(sa.select(IssueUpdate).where(IssueUpdate.report_id == report.id).order_by(*order))
    ward = await session.get(Ward, report.ward_id) if report.ward_id else None
    team = await session.get(ResponseTeam, report.team_id) if report.team_id else None
    return History(report, tuple(updates), ward.name if ward else "", team.name if team else "", await photo_count(session, report.id))


async def photo_count(session: AsyncSession, report_id: int) -> int:
    """How many photos a report has."""
    return await session.scalar(sa.select(sa.func.count()).where(IssuePhoto.report_id == report_id)) or 0
