"""Sign-up by Telegram: what a resident has told us so far, and so what to ask next."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.places.models import Ward
from intouch.residents import consents, deliveries, subscriptions
from intouch.residents.models import Channel, Resident, ResidentStatus, Topic
from intouch.storage.inserting import insert_ignoring

_LONGEST_NAME = 64


class Step(StrEnum):
    """What is asked next."""

    CONSENT = "consent"
    WARD = "ward"
    CONFIRM_WARD = "confirm_ward"  # a link said which ward; is it theirs?
    EMAIL = "email"
    BOARD = "board"
    DONE = "done"


def next_step(resident: Resident) -> Step:
    """The first thing that is still missing; of a resident who joined only the ward can be."""
    if resident.status is ResidentStatus.ACTIVE:
        return Step.DONE if resident.ward_id is not None else Step.WARD
    if resident.consented_at is None:
        return Step.CONSENT
    if resident.ward_id is None:
        return Step.WARD
    if resident.ward_source is None:
        return Step.CONFIRM_WARD
    if not resident.was_asked_email:
        return Step.EMAIL
    return Step.DONE if resident.was_asked_board else Step.BOARD


async def begin(session: AsyncSession, *, telegram_id: int, first_name: str, language: str, now: datetime) -> Resident:
    """The resident of this Telegram account: a new draft, or the one there is, however often and at once it is called."""
    row = {"telegram_id": telegram_id, "status": ResidentStatus.DRAFT, "created_at": now}
    await insert_ignoring(session, Resident, [row], conflict=["telegram_id"])
    query = sa.select(Resident).where(Resident.telegram_id == telegram_id).with_for_update()
    resident = (await session.scalars(query.execution_options(populate_existing=True))).one()
    resident.first_name = " ".join(first_name.split())[:_LONGEST_NAME]
    resident.language = language[:16] or "en"
    return resident


def prefill_ward(resident: Resident, ward: Ward) -> None:
    """A link named this ward: proposed to whoever has not said theirs yet."""
    if resident.ward_source is None and resident.status is ResidentStatus.DRAFT:
        resident.ward_id = ward.id


def agree(session: AsyncSession, resident: Resident, *, wording: str, now: datetime) -> None:
    """The resident agrees to ``wording``; who had stopped is signing up again from here."""
    consents.give(session, resident, wording=wording, now=now)
    if resident.status is ResidentStatus.STOPPED:
        resident.status = ResidentStatus.DRAFT


async def decline(session: AsyncSession, resident: Resident, *, now: datetime) -> None:
    """The resident does not agree: of somebody who never joined nothing is kept."""
    if resident.joined_at is None:
        addresses = [address for address in (str(resident.telegram_id or ""), resident.email, resident.email_to_confirm) if address]
        await deliveries.blank(session, [resident.id], addresses, now=now)
        await session.delete(resident)
        await session.flush()


def open_step(resident: Resident) -> Step:
    """What the chat asks next: whoever is in before they answered the last question still has it open."""
    step = next_step(resident)
    return Step.BOARD if step is Step.DONE and not resident.was_asked_board else step


def _is_enough(resident: Resident) -> bool:
    # An address is confirmed for the sake of what comes to it: that must not wait for the wish to be asked first.
    step = next_step(resident)
    return step is Step.DONE or (step is Step.BOARD and resident.email_confirmed_at is not None)


async def finish(session: AsyncSession, resident: Resident, *, now: datetime) -> bool:
    """Enough is known: the resident is in, and surveys come by Telegram. True when they were not in before."""
    if resident.telegram_id is None or resident.status is not ResidentStatus.DRAFT or not _is_enough(resident):
        return False
    resident.status = ResidentStatus.ACTIVE
    resident.joined_at = resident.joined_at or now
    await session.flush()
    # Who signed up by email before is asked here from now on, not in both places.
    await subscriptions.unsubscribe(session, resident.id, topic=Topic.SURVEYS, channel=Channel.EMAIL, reason="by Telegram now", now=now)
    await subscriptions.subscribe(session, resident.id, topic=Topic.SURVEYS, channel=Channel.TELEGRAM, now=now)
    if resident.wants_board:
        resident.wants_board = False
        await subscriptions.subscribe(session, resident.id, topic=Topic.SOUNDING_BOARD, channel=Channel.TELEGRAM, now=now)
    return True


async def answer_board(session: AsyncSession, resident: Resident, *, joins: bool, now: datetime) -> None:
    """Whether the resident wants to be asked first, as one of the sounding board."""
    resident.was_asked_board, resident.wants_board = True, False  # what was wished before, on the web, is answered too
    await session.flush()
    await subscriptions.unsubscribe(session, resident.id, topic=Topic.SOUNDING_BOARD, reason="asked again", now=now)
    if joins:
        await subscriptions.subscribe(session, resident.id, topic=Topic.SOUNDING_BOARD, channel=Channel.TELEGRAM, now=now)


async def stop(session: AsyncSession, resident: Resident, *, now: datetime) -> None:
    """/stop: every subscription ends and the consent with it; the resident is kept, so that they can come back."""
    await subscriptions.unsubscribe(session, resident.id, reason="stop", now=now)
    await consents.withdraw(session, resident, now=now)
    await deliveries.cancel_queued(session, resident.id, now=now)
    resident.status = ResidentStatus.STOPPED
    resident.email_to_confirm = None  # a letter still on its way subscribes nobody
    # Coming back is a fresh decision about each of them.
    resident.was_asked_email = resident.was_asked_board = resident.wants_board = False
    await session.flush()
