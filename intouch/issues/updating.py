"""Updating: what the council did about a report, and telling whoever reported it."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.errors import BadInput, NotFound
from intouch.issues import references, wording
from intouch.issues.categories import Categories
from intouch.issues.models import IssueReport, IssueStatus, IssueUpdate
from intouch.outbox import enqueue
from intouch.outbox.models import Lane, Road
from intouch.residents.models import Resident, ResidentStatus
from intouch.templating import Templates

LONGEST_NOTE = 1000
_SAME_WITHIN = timedelta(hours=1)

# Where a report may go from where it is; staying there is a further note.
_STEPS = {
    IssueStatus.REPORTED: {IssueStatus.IN_PROGRESS, IssueStatus.FIXED, IssueStatus.CLOSED},
    IssueStatus.IN_PROGRESS: {IssueStatus.FIXED, IssueStatus.CLOSED},
    IssueStatus.FIXED: {IssueStatus.IN_PROGRESS},
    IssueStatus.CLOSED: {IssueStatus.IN_PROGRESS},
}


async def update(
    session: AsyncSession,
    reference: str,
    *,
    status: IssueStatus,
    note: str = "",
    now: datetime,
    templates: Templates,
    categories: Categories,
) -> IssueUpdate:
    """Move a report on and queue the message to its reporter. The same again within an hour is the same update.

    Raises ``NotFound`` for an unknown reference and ``BadInput`` for a step that is not allowed.
    """
    report = await _locked(session, references.normalise(reference))
    words = wording.within(note, LONGEST_NOTE, what="the note") if note.strip() else ""
    latest = await _latest(session, report.id)
    if latest and (latest.status, latest.note) == (status, words) and now - latest.updated_at <= _SAME_WITHIN:
        return latest
    _check(report, status, words)
    update = IssueUpdate(report_id=report.id, status=status, note=words, updated_at=now)
    session.add(update)
    _move(report, status, now)
    await session.flush()
    await _tell(session, report, update, templates=templates, category=categories.name(report.category))
    return update


async def _locked(session: AsyncSession, reference: str) -> IssueReport:
    statement = sa.select(IssueReport).where(IssueReport.reference == reference)
    report = await session.scalar(statement.with_for_update().execution_options(populate_existing=True))
    if report is None:
        raise NotFound(f"There is no report {reference}. `intouch issue list` shows all of them.")
    return report


async def _latest(session: AsyncSession, report_id: int) -> IssueUpdate | None:
    order = (IssueUpdate.updated_at.desc(), IssueUpdate.id.desc())
    found: IssueUpdate | None = await session.scalar(
        sa.select(IssueUpdate).where(IssueUpdate.report_id == report_id).order_by(*order).limit(1)
    )
    return found


def _check(report: IssueReport, status: IssueStatus, note: str) -> None:
    allowed = _STEPS.get(report.status, set())
    if status is report.status and not note:
        raise BadInput(f"{report.reference} is {status.value} already. Add a note if there is something new to say.")
    if status not in allowed | {report.status}:
        steps = ", ".join(sorted(step.value for step in allowed))
        raise BadInput(f"{report.reference} is {report.status.value} and can't become {status.value}. It can become: {steps}.")
    if status is IssueStatus.CLOSED and not note:
        raise BadInput("Closing a report without fixing it needs a note that says why: the resident reads it.")


def _move(report: IssueReport, status: IssueStatus, now: datetime) -> None:
    if status is not report.status:
        report.fixed_at = now if status is IssueStatus.FIXED else None
    report.status, report.changed_at = status, now


async def _tell(session: AsyncSession, report: IssueReport, update: IssueUpdate, *, templates: Templates, category: str) -> None:
    """One delivery to the reporter, by Telegram or else by email; none to those who stopped or were erased."""
    resident = await session.get(Resident, report.resident_id) if report.resident_id else None
    if resident is None or resident.status in (ResidentStatus.STOPPED, ResidentStatus.ERASED):
        return
    values = {"reference": report.reference, "category": category, "status": update.status.value, "note": update.note}
    if resident.telegram_id is not None and resident.telegram_blocked_at is None:
        message = templates.telegram("reports/update", report_id=report.id, **values)
        kind, road, address, payload = "message", Road.TELEGRAM, str(resident.telegram_id), message.to_json()
    elif resident.email and resident.email_confirmed_at:
        kind, road, address, payload = "letter", Road.EMAIL, resident.email, {"template": "issue_update", "values": values}
    else:
        return
    await enqueue.enqueue(
        session,
        enqueue.Draft(
            key=f"issue:{update.id}:{resident.id}",
            kind=kind,
            road=road,
            lane=Lane.NOTICE,
            address=address,
            payload=payload,
            owner=f"resident:{resident.id}",
            due_at=update.updated_at,
        ),
    )
