"""Counts: reports made, fixed and still open, for the digest and the briefing; never who reported or where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.issues.models import IssueReport, IssueStatus, IssueUpdate
from intouch.places.models import Ward

_OPEN = (IssueStatus.REPORTED, IssueStatus.IN_PROGRESS)


@dataclass(frozen=True)
class Fixed:
    """A report that was fixed, with what the officer wrote; the resident's own words are left out, they may name people."""

    reference: str
    category: str
    note: str
    fixed_at: datetime


@dataclass(frozen=True)
class MadeAndFixed:
    """ "You said, we did" of a period: reports made in it, reports fixed in it, and the newest fixed ones."""

    made: int
    fixed: int
    examples: tuple[Fixed, ...]


@dataclass(frozen=True)
class StatusCount:
    """How many reports of a category (its key) are in a status."""

    category: str
    status: IssueStatus
    number: int


@dataclass(frozen=True)
class OpenReport:
    """A report that nobody has finished yet."""

    reference: str
    category: str
    status: IssueStatus
    reported_at: datetime
    days_open: int


async def made_and_fixed(
    session: AsyncSession, ward_id: int | None, *, start: datetime, end: datetime, area_id: int | None = None, limit: int = 5
) -> MadeAndFixed:
    """What was reported and fixed from ``start`` until before ``end``, in a ward, or an area, or (both None) the city."""
    within = _within(ward_id, area_id)
    made_at, fixed_at = IssueReport.reported_at, IssueReport.fixed_at
    made = await session.scalar(sa.select(sa.func.count()).select_from(IssueReport).where(*within, made_at >= start, made_at < end))
    is_fixed = (*within, fixed_at >= start, fixed_at < end, IssueReport.status == IssueStatus.FIXED)
    fixed = await session.scalar(sa.select(sa.func.count()).select_from(IssueReport).where(*is_fixed))
    statement = (
        sa.select(IssueReport.reference, IssueReport.category, _fixing_note(), IssueReport.fixed_at)
        .where(*is_fixed)
        .order_by(IssueReport.fixed_at.desc(), IssueReport.id.desc())
        .limit(limit)
    )
    rows = (await session.execute(statement)).all()
    examples = [Fixed(reference, category, note or "", at) for reference, category, note, at in rows if reference and at]
    return MadeAndFixed(made or 0, fixed or 0, tuple(examples))


def _fixing_note() -> sa.ScalarSelect[str]:
    return (
        sa.select(IssueUpdate.note)
        .where(IssueUpdate.report_id == IssueReport.id, IssueUpdate.status == IssueStatus.FIXED)
        .order_by(IssueUpdate.updated_at.desc(), IssueUpdate.id.desc())
        .limit(1)
        .scalar_subquery()
    )


async def by_category_and_status(session: AsyncSession, ward_id: int | None, *, area_id: int | None = None) -> list[StatusCount]:
    """All reports that were sent in, counted; categories in alphabetical order of their keys."""
    statement = (
        sa.select(IssueReport.category, IssueReport.status, sa.func.count())
        .where(*_within(ward_id, area_id), IssueReport.reference.is_not(None))
        .group_by(IssueReport.category, IssueReport.status)
    )
    counts = [StatusCount(category, status, number) for category, status, number in (await session.execute(statement)).all()]
    return sorted(counts, key=lambda count: (count.category, count.status))  # here, because databases sort text differently


async def oldest_open(
    session: AsyncSession, ward_id: int | None, *, now: datetime, limit: int = 5, area_id: int | None = None
) -> list[OpenReport]:
    """The reports that have waited longest, with their age in whole days."""
    statement = (
        sa.select(IssueReport.reference, IssueReport.category, IssueReport.status, IssueReport.reported_at)
        .where(*_within(ward_id, area_id), IssueReport.status.in_(_OPEN))
        .order_by(IssueReport.reported_at, IssueReport.id)
        .limit(limit)
    )
    rows = (await session.execute(statement)).all()
    return [
        OpenReport(reference, category, status, reported_at, days_open=max(0, (now - reported_at).days))
        for reference, category, status, reported_at in rows
        if reference and reported_at
    ]


def _within(ward_id: int | None, area_id: int | None) -> tuple[sa.ColumnElement[Any], ...]:
    if ward_id is not None:
        return (IssueReport.ward_id == ward_id,)
    if area_id is not None:
        return (IssueReport.ward_id.in_(sa.select(Ward.id).where(Ward.area_id == area_id)),)
    return ()
