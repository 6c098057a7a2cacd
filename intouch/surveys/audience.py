"""Audience: which residents a survey asks, and by which road each of them is reached."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.outbox.models import Road
from intouch.places.models import Ward
from intouch.residents import subscriptions
from intouch.residents.models import Channel, Resident, ResidentStatus, Topic
from intouch.storage.columns import text_enum
from intouch.surveys.models import Invitation, Survey

BOARD_REST = timedelta(days=7)  # the sounding board is asked at most once a week

_Condition = sa.ColumnElement[bool]


def topic_of(survey: Survey) -> Topic:
    """The subscription that brings this survey."""
    return Topic.SOUNDING_BOARD if survey.is_for_sounding_board else Topic.SURVEYS


def belongs(survey: Survey) -> _Condition:
    """The condition on ``Resident`` for whom this survey is meant, invited or not."""
    conditions: list[_Condition] = [Resident.status == ResidentStatus.ACTIVE, Resident.ward_id.is_not(None)]
    if survey.ward_codes:
        conditions.append(Resident.ward_id.in_(sa.select(Ward.id).where(Ward.code.in_(survey.ward_codes))))
    if survey.is_for_sounding_board:
        conditions.append(subscriptions.gets(Topic.SOUNDING_BOARD))
    return sa.and_(*conditions)


def invited_now(survey: Survey, *, now: datetime) -> _Condition:
    """The condition on ``Resident`` for who is sent an invitation when the survey opens at ``now``."""
    topic = topic_of(survey)
    reached = sa.and_(belongs(survey), sa.or_(by_telegram(topic), by_email(topic)))
    return sa.and_(reached, _is_rested(survey, now)) if survey.is_for_sounding_board else reached


def _is_rested(survey: Survey, now: datetime) -> _Condition:
    others = sa.exists().where(
        Invitation.resident_id == Resident.id,
        Invitation.invited_at > now - BOARD_REST,
        Invitation.survey_id == Survey.id,
        Survey.id != survey.id,
        Survey.is_for_sounding_board,
    )
    return ~others


def by_telegram(*topics: Topic) -> _Condition:
    """The condition that Telegram reaches the resident for these topics: asked for there, and not blocked."""
    has_chat = sa.and_(Resident.telegram_id.is_not(None), Resident.telegram_blocked_at.is_(None))
    return sa.and_(has_chat, subscriptions.gets(*topics, channel=Channel.TELEGRAM))


def by_email(*topics: Topic) -> _Condition:
    """The condition that email reaches the resident for these topics: asked for there, and confirmed."""
    has_address = sa.and_(Resident.email.is_not(None), Resident.email_confirmed_at.is_not(None))
    return sa.and_(has_address, subscriptions.gets(*topics, channel=Channel.EMAIL))


def road(*topics: Topic) -> sa.ColumnElement[Any]:
    """Telegram where it reaches the resident, else email."""
    kind = text_enum(Road)
    return sa.case((by_telegram(*topics), sa.literal(Road.TELEGRAM, kind)), else_=sa.literal(Road.EMAIL, kind))


def address(*topics: Topic) -> sa.ColumnElement[Any]:
    """Where on that road."""
    return sa.case((by_telegram(*topics), sa.cast(Resident.telegram_id, sa.Text)), else_=Resident.email)


async def wards_of(session: AsyncSession, survey: Survey, resident_ids: Collection[int]) -> dict[int, int]:
    """The wards by which these residents belong to the survey's audience; without those for whom it is not."""
    meant = sa.select(Resident.id, Resident.ward_id).where(Resident.id.in_(resident_ids), belongs(survey))
    return {resident_id: ward_id for resident_id, ward_id in await session.execute(meant) if ward_id is not None}
