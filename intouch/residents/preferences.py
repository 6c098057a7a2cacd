"""Preferences: what a resident can see and change from the link in an email, without an account."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.places.models import Ward
from intouch.residents import consents, email, finding, subscriptions, wards
from intouch.residents.models import Channel, Resident, ResidentStatus, Topic

EMAIL_TOPICS = (Topic.DIGEST, Topic.SURVEYS, Topic.SOUNDING_BOARD)


@dataclass(frozen=True)
class Preferences:
    """What comes by email now. ``ward`` is None when boundaries changed and we could not tell; ``is_on_telegram``: surveys come there.

    ``is_returned``: our emails came back, so nothing comes by email until the address is confirmed again.
    """

    resident_id: int
    ward: Ward | None
    topics: frozenset[Topic]
    is_on_telegram: bool
    is_stopped: bool
    is_draft: bool
    is_returned: bool


async def preferences(session: AsyncSession, resident_id: int) -> Preferences:
    """What this resident gets by email; ``NotFound`` when they are not there any more."""
    resident = await finding.resident(session, resident_id)
    held = await subscriptions.active(session, resident.id)
    return Preferences(
        resident_id=resident.id,
        ward=await session.get(Ward, resident.ward_id) if resident.ward_id is not None else None,
        topics=frozenset(one.topic for one in held if one.channel is Channel.EMAIL),
        is_on_telegram=resident.telegram_id is not None,
        is_stopped=resident.status is ResidentStatus.STOPPED,
        is_draft=resident.status is ResidentStatus.DRAFT,
        is_returned=bool(resident.email) and not await email.reaches(session, resident),
    )


async def change_topics(session: AsyncSession, resident_id: int, *, topics: Collection[Topic], now: datetime) -> bool:
    """Exactly these topics come by email from now on; who had stopped by email alone is back with the first of them.

    False where no letter reaches them: then nothing starts that would not come.
    """
    resident = await finding.resident(session, resident_id, lock=True)
    for topic in EMAIL_TOPICS:
        if topic not in topics:
            await subscriptions.unsubscribe(session, resident.id, topic=topic, channel=Channel.EMAIL, reason="changed preferences", now=now)
    if topics and not await email.reaches(session, resident):
        return False
    if topics:
        await _come_back(session, resident, now=now)
    for topic in topics:
        await subscriptions.subscribe(session, resident.id, topic=topic, channel=Channel.EMAIL, now=now)
    return True


async def unsubscribe(session: AsyncSession, resident_id: int, *, topic: Topic | None = None, now: datetime) -> int:
    """End one topic by email, or all of them; how many ended (none the second time)."""
    resident = await finding.resident(session, resident_id)
    return await subscriptions.unsubscribe(session, resident.id, topic=topic, channel=Channel.EMAIL, reason="unsubscribed", now=now)


async def change_ward(session: AsyncSession, resident_id: int, *, postcode: str, on: date, council: str = "this council") -> Ward:
    """The ward of this postcode is theirs from now on."""
    resident = await finding.resident(session, resident_id, lock=True)
    return await wards.by_postcode(session, resident, postcode, on=on, council=council)


async def _come_back(session: AsyncSession, resident: Resident, *, now: datetime) -> None:
    if resident.status is ResidentStatus.STOPPED and resident.email_confirmed_at is not None:
        consents.give(session, resident, wording=consents.email_wording(), now=now)
        resident.status = ResidentStatus.ACTIVE
        resident.was_asked_email = resident.was_asked_board = True  # by the boxes on the page
        await session.flush()
