"""Retention: drafts that nobody came back to are forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.issues.models import IssueReport, IssueStatus

KEPT_FOR = timedelta(days=30)


async def forget_abandoned(session: AsyncSession, *, now: datetime) -> int:
    """Delete drafts, and reports thrown away, that were not touched for 30 days, with their photos; how many."""
    statement = sa.delete(IssueReport).where(
        IssueReport.status.in_((IssueStatus.DRAFT, IssueStatus.CANCELLED)), IssueReport.changed_at < now - KEPT_FOR
    )
    return cast("sa.CursorResult[Any]", await session.execute(statement)).rowcount
