"""Notices: what is happening in a ward (planning, licensing, roadworks, works, events)."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council.models import Notice, NoticeWard

KINDS = ("planning", "licensing", "roadworks", "works", "event")


async def notices_of_ward(session: AsyncSession, ward_id: int, *, first: date, last: date) -> list[Notice]:
    """The ward's and the whole city's notices of the days from ``first`` to ``last``, by day.

    A notice without an end is for the day on which it starts: otherwise it would be in every digest for ever.
    """
    ends_on = sa.func.coalesce(Notice.ends_on, Notice.starts_on)
    query = sa.select(Notice).where(_concerns(ward_id), Notice.starts_on <= last, ends_on >= first)
    return list(await session.scalars(query.order_by(Notice.starts_on, Notice.id)))


async def new_notices(session: AsyncSession, ward_id: int, *, since: datetime, until: datetime) -> list[Notice]:
    """The ward's and the whole city's notices that came in from ``since`` until before ``until``, newest first."""
    query = sa.select(Notice).where(_concerns(ward_id), Notice.created_at >= since, Notice.created_at < until)
    return list(await session.scalars(query.order_by(Notice.created_at.desc(), Notice.id.desc())))


def _concerns(ward_id: int) -> sa.ColumnElement[bool]:
    wards = sa.select(NoticeWard.ward_id).where(NoticeWard.notice_id == Notice.id)
    return sa.or_(wards.where(NoticeWard.ward_id == ward_id).exists(), ~wards.exists())
