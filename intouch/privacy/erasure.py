"""Erasure: everything about one resident is deleted or blanked, over all rooms, in one transaction."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.bounces.models import BounceReport, TroubledAddress
from intouch.issues.models import IssuePhoto, IssueReport, IssueStatus, IssueUpdate
from intouch.outbox.models import Delivery
from intouch.privacy import merging
from intouch.residents import deliveries
from intouch.residents.models import Consent, Dialogue, Resident, ResidentStatus, Subscription
from intouch.surveys.models import Answer, Invitation, Response


async def erase(session: AsyncSession, resident_id: int, *, now: datetime) -> bool:
    """Erase a resident; false when there was nothing (any more) to erase.

    Answers stay counted without a name and without free words, so published totals stay true. Reports stay as public facts
    (category, ward, status, dates) without words, place or photos. Keys of deliveries stay, so nothing goes out again.
    """
    await session.flush()
    resident = await session.get(Resident, resident_id, with_for_update=True, populate_existing=True)
    if resident is None or resident.status is ResidentStatus.ERASED:
        return False
    await _forget_mail(session, resident, now=now)
    await _forget_answers(session, resident.id)
    await _forget_reports(session, resident.id)
    for statement in (
        sa.delete(Consent).where(Consent.resident_id == resident.id),
        sa.delete(Subscription).where(Subscription.resident_id == resident.id),
        sa.delete(Dialogue).where(Dialogue.telegram_id == resident.telegram_id),
    ):
        await session.execute(statement)
    merging.empty(resident)
    await session.flush()
    return True


async def _forget_mail(session: AsyncSession, resident: Resident, *, now: datetime) -> None:
    chat = str(resident.telegram_id) if resident.telegram_id is not None else ""
    addresses = [address for address in (chat, resident.email, resident.email_to_confirm) if address]
    theirs = sa.select(Delivery.id).where(Delivery.owner == deliveries.owner_of(resident.id))
    for statement in (
        sa.delete(BounceReport).where(BounceReport.delivery_id.in_(theirs)),
        sa.delete(TroubledAddress).where(TroubledAddress.address.in_(addresses)),
    ):
        await session.execute(statement.execution_options(synchronize_session=False))
    await deliveries.blank(session, [resident.id], addresses, now=now)


async def _forget_answers(session: AsyncSession, resident_id: int) -> None:
    theirs = sa.select(Response.id).where(Response.resident_id == resident_id)
    for statement in (
        sa.update(Answer).where(Answer.response_id.in_(theirs), Answer.words.is_not(None)).values(words=None),
        sa.update(Response).where(Response.resident_id == resident_id).values(resident_id=None),
        sa.update(Invitation).where(Invitation.resident_id == resident_id).values(resident_id=None),
    ):
        await session.execute(statement.execution_options(synchronize_session=False))


async def _forget_reports(session: AsyncSession, resident_id: int) -> None:
    theirs = sa.select(IssueReport.id).where(IssueReport.resident_id == resident_id)
    never_sent = IssueReport.status.in_([IssueStatus.DRAFT, IssueStatus.CANCELLED])
    blank = {"resident_id": None, "description": "", "place": "", "longitude": None, "latitude": None}
    for statement in (
        sa.delete(IssuePhoto).where(IssuePhoto.report_id.in_(theirs)),
        # A note is written to the reporter, and may name them or quote what they wrote.
        sa.update(IssueUpdate).where(IssueUpdate.report_id.in_(theirs)).values(note=""),
        sa.delete(IssueReport).where(IssueReport.resident_id == resident_id, never_sent),
        sa.update(IssueReport).where(IssueReport.resident_id == resident_id).values(blank),
    ):
        await session.execute(statement.execution_options(synchronize_session=False))
