"""Merging: two sign-ups of one person, by email and by Telegram, become one when the address is confirmed."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.issues.models import IssueReport, IssueStatus
from intouch.outbox.models import Delivery
from intouch.residents import email, subscriptions
from intouch.residents.deliveries import owner_of
from intouch.residents.models import Channel, Consent, Resident, ResidentStatus, Subscription, Topic
from intouch.surveys.models import Invitation, Response, Survey, SurveyStatus


async def confirm(session: AsyncSession, *, resident_id: int, address: str, now: datetime) -> Resident:
    """Confirm an address as ``residents.email.confirm`` does; who had it by email alone is the same person, and merged."""
    asker = await email.claimant(session, resident_id, address)
    owner = await email.owner_of(session, address)
    if owner is None or owner.id == asker.id:
        return await email.confirm(session, resident_id=asker.id, address=address, now=now)
    if asker.telegram_id is None:
        await merge(session, asker, into=owner, now=now)
        if owner.status is not ResidentStatus.STOPPED:
            await email.start(session, owner, now=now)
        return owner
    if owner.telegram_id is None:
        await merge(session, owner, into=asker, now=now)
    return await email.confirm(session, resident_id=asker.id, address=address, now=now)


async def merge(session: AsyncSession, gone: Resident, *, into: Resident, now: datetime) -> None:
    """Everything that was ``gone``'s is ``into``'s; ``gone`` stays as an empty row that old links lead on from."""
    await session.flush()
    await _move_once_per_survey(session, gone.id, into.id)
    await _move_reports(session, gone.id, into.id)
    await _move_subscriptions(session, gone.id, into.id, now=now)
    await _take_wish(session, gone, into, now=now)
    for statement in (
        sa.update(Consent).where(Consent.resident_id == gone.id).values(resident_id=into.id),
        sa.update(Resident).where(Resident.merged_into_id == gone.id).values(merged_into_id=into.id),
        # What is on its way still comes; it follows its owner, for export and erasure.
        sa.update(Delivery).where(Delivery.owner == owner_of(gone.id)).values(owner=owner_of(into.id)),
    ):
        await session.execute(statement.execution_options(synchronize_session=False))
    if into.ward_id is None:
        into.ward_id, into.ward_source, into.postcode = gone.ward_id, gone.ward_source, gone.postcode
        into.longitude, into.latitude = gone.longitude, gone.latitude
    empty(gone)
    gone.merged_into_id = into.id
    await session.flush()


def empty(resident: Resident) -> None:
    """Blank the row: what is left of it says nothing about anybody."""
    resident.status = ResidentStatus.ERASED
    resident.telegram_id = resident.telegram_blocked_at = None
    resident.first_name, resident.language = "", "en"
    resident.ward_id = resident.ward_source = resident.postcode = resident.longitude = resident.latitude = None
    resident.email = resident.email_confirmed_at = resident.email_to_confirm = None
    resident.consented_at = resident.joined_at = None
    resident.was_asked_email = resident.was_asked_board = resident.wants_board = False


async def _take_wish(session: AsyncSession, gone: Resident, into: Resident, *, now: datetime) -> None:
    """A form's wish to be asked first, which has waited for the address to be confirmed; who has joined has had theirs."""
    if not gone.wants_board or gone.joined_at is not None or into.status is ResidentStatus.STOPPED:
        return
    if into.status is ResidentStatus.DRAFT:
        into.wants_board = True
    elif Topic.SOUNDING_BOARD not in {one.topic for one in await subscriptions.active(session, into.id)}:
        channel = Channel.EMAIL if into.telegram_id is None else Channel.TELEGRAM
        await subscriptions.subscribe(session, into.id, topic=Topic.SOUNDING_BOARD, channel=channel, now=now)


async def _move_once_per_survey(session: AsyncSession, gone: int, into: int) -> None:
    """Asked and answered as two: while the survey is open one of them is dropped, afterwards its count stays, unnamed."""
    unfinished = sa.select(Survey.id).where(Survey.status.in_([SurveyStatus.DRAFT, SurveyStatus.OPEN]))
    whole = sa.select(Response.survey_id).where(Response.resident_id == gone, Response.finished_at.is_not(None))
    half = sa.delete(Response).where(
        Response.resident_id == into, Response.finished_at.is_(None), Response.survey_id.in_(whole), Response.survey_id.in_(unfinished)
    )
    await session.execute(half.execution_options(synchronize_session=False))
    for table in (Response, Invitation):
        theirs = sa.select(table.survey_id).where(table.resident_id == into)
        twice = sa.and_(table.resident_id == gone, table.survey_id.in_(theirs))
        await session.execute(sa.delete(table).where(twice, table.survey_id.in_(unfinished)).execution_options(synchronize_session=False))
        await session.execute(sa.update(table).where(twice).values(resident_id=None).execution_options(synchronize_session=False))
        moved = sa.update(table).where(table.resident_id == gone).values(resident_id=into)
        await session.execute(moved.execution_options(synchronize_session=False))


async def _move_reports(session: AsyncSession, gone: int, into: int) -> None:
    # Only the bot writes drafts, and the one that goes has never been in the bot.
    drafts = sa.delete(IssueReport).where(IssueReport.resident_id == gone, IssueReport.status == IssueStatus.DRAFT)
    moved = sa.update(IssueReport).where(IssueReport.resident_id == gone).values(resident_id=into)
    for statement in (drafts, moved):
        await session.execute(statement.execution_options(synchronize_session=False))


async def _move_subscriptions(session: AsyncSession, gone: int, into: int, *, now: datetime) -> None:
    """What came by email goes on coming; surveys that come by Telegram now do not come by email as well."""
    topics = {one.topic for one in await subscriptions.active(session, into)}
    for one in await subscriptions.active(session, gone):
        if one.topic in topics:
            one.ended_at, one.ended_reason = now, "merged"
    await session.flush()
    moved = sa.update(Subscription).where(Subscription.resident_id == gone).values(resident_id=into)
    await session.execute(moved.execution_options(synchronize_session=False))
