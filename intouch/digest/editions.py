"""Editions: which digests and briefings should exist, and bringing each missing one about exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.digest import periods, recipients
from intouch.digest.models import Audience, Edition, EditionStart, EditionStatus
from intouch.digest.periods import Weekly
from intouch.errors import BadInput, NotFound
from intouch.places import lookup
from intouch.places.models import Ward
from intouch.storage.inserting import insert_ignoring
from intouch.templating import dated, dated_moment

LIMIT = timedelta(hours=36)  # later than this an officer decides whether old news still goes out
_UNTOLD = (EditionStatus.WAITING, EditionStatus.APPROVED, EditionStatus.CANCELLED)
_LONGEST_LOOK_BACK = timedelta(days=28)


@dataclass(frozen=True)
class Due:
    """An edition that should exist; it tells what happened at ``since`` or later. ``zone``: the council's."""

    audience: Audience
    ward: Ward
    period: str
    since: datetime
    due_at: datetime
    zone: tzinfo = UTC

    def is_late(self, now: datetime) -> bool:
        return now - self.due_at > LIMIT

    def has_ended(self, now: datetime) -> bool:
        """Whether its ward is no more."""
        return self.ward.valid_to is not None and self.ward.valid_to <= now.astimezone(self.zone).date()


async def begin(session: AsyncSession, *, now: datetime) -> None:
    """Note, once for ever, that this council publishes from now on; a fresh installation owes nobody last Friday's digest."""
    rows = [{"audience": audience, "started_at": now} for audience in Audience]
    await insert_ignoring(session, EditionStart, rows, conflict=["audience"])


async def has_begun(session: AsyncSession) -> bool:
    """Whether ``begin`` was noted for every audience."""
    return await session.scalar(sa.select(sa.func.count()).select_from(EditionStart)) == len(Audience)


async def missing(session: AsyncSession, audience: Audience, when: Weekly, *, now: datetime) -> list[Due]:
    """The editions of the period that fell due last, and after ``begin``, which do not exist yet.

    Weeks before the last one stay missed: nobody wants three digests at once when a process was away for a month. One that
    waits, but is not late, was late by another setting, or by a clock that was wrong.
    """
    started_at = await session.scalar(sa.select(EditionStart.started_at).where(EditionStart.audience == audience))
    if started_at is None:
        return []
    due = list(periods.due_between(when, after=max(started_at, now - timedelta(days=8)), until=now))
    if not due:
        return []
    is_late = now - periods.due_at(due[-1], when) > LIMIT
    return await unpublished(session, audience, when, period=due[-1], statuses=() if is_late else (EditionStatus.WAITING,))


async def approved(session: AsyncSession, audience: Audience, when: Weekly) -> list[Due]:
    """The late editions that an officer approved in the chat."""
    statement = sa.select(Edition.period, Edition.ward_id).where(Edition.audience == audience, Edition.status == EditionStatus.APPROVED)
    found: list[Due] = []
    for period, ward_id in (await session.execute(statement)).all():
        found += await unpublished(session, audience, when, period=period, ward_id=ward_id, statuses=(EditionStatus.APPROVED,))
    return found


async def unpublished(
    session: AsyncSession,
    audience: Audience,
    when: Weekly,
    *,
    period: str,
    ward_id: int | None = None,
    statuses: Sequence[EditionStatus] = (EditionStatus.WAITING, EditionStatus.APPROVED),
) -> list[Due]:
    """The editions of ``period`` that do not exist, or exist in one of ``statuses``, for the wards in force when it was due."""
    due_at = periods.due_at(period, when)
    settled = sa.select(Edition.ward_id).where(
        Edition.audience == audience, Edition.period == period, Edition.status.not_in(statuses) if statuses else sa.true()
    )
    done = set(await session.scalars(settled))
    wards = await lookup.wards(session, on=due_at.astimezone(when.zone).date())
    left = [ward for ward in wards if ward.id not in done and ward_id in (None, ward.id)]
    if not left:
        return []
    since = await _told_until(session, audience, due_at)
    week_before = periods.due_at(periods.previous_period(period), when)
    first = await _never_told(session, audience, week_before=week_before, due_at=due_at)
    # What is in a ward that began since was told by those that ended for it: reports follow the boundaries.
    last_week = week_before.astimezone(when.zone).date()
    ends = {row.id: row.valid_to for row in await session.execute(sa.select(Ward.id, Ward.valid_to).where(Ward.id.in_(since)))}
    for ward in left:
        if ward.valid_from > last_week and ward.id not in since:
            replaced = [told for ward_id, told in since.items() if ends[ward_id] == ward.valid_from]
            since[ward.id] = max(replaced or since.values(), default=first)
    return [Due(audience, ward, period, since.get(ward.id, first), due_at, when.zone) for ward in left]


async def _told_until(session: AsyncSession, audience: Audience, due_at: datetime) -> dict[int, datetime]:
    """Per ward, up to when its last edition told what happened: after a missed week the next one tells of both."""
    statement = (
        sa.select(Edition.ward_id, sa.func.max(Edition.told_until, type_=Edition.told_until.type).label("until"))
        .where(Edition.audience == audience, Edition.status.not_in(_UNTOLD))
        .where(Edition.due_at < due_at, Edition.due_at >= due_at - _LONGEST_LOOK_BACK)
        .group_by(Edition.ward_id)
    )
    return {row.ward_id: row.until for row in await session.execute(statement)}


async def _never_told(session: AsyncSession, audience: Audience, *, week_before: datetime, due_at: datetime) -> datetime:
    """From when a ward's first edition tells: a week before, or the council's beginning when its first weeks were missed."""
    started_at = await session.scalar(sa.select(EditionStart.started_at).where(EditionStart.audience == audience))
    return min(week_before, max(started_at, due_at - _LONGEST_LOOK_BACK)) if started_at else week_before


def until(now: datetime) -> datetime:
    """Up to when an edition made at ``now`` tells what happened: a survey that this very tick closed is in it."""
    return now + timedelta(microseconds=1)


async def wait(session: AsyncSession, due: Due, *, now: datetime) -> bool:
    """Note that an edition is too late to go out by itself; false when it exists already."""
    return await _insert(session, due, EditionStatus.WAITING, {}, now=now)


async def publish(session: AsyncSession, due: Due, contents: dict[str, Any], *, now: datetime) -> int | None:
    """Bring the edition and all its deliveries about, in one transaction; how many deliveries, or None when another did it before.

    Empty ``contents`` means that there is nothing to say: the edition exists, and no email goes out. One that waited until its ward
    had ended and its readers lived in others is cancelled: theirs tell of its week.
    """
    status = EditionStatus.PUBLISHED if contents else EditionStatus.EMPTY
    if not await _insert(session, due, status, contents, now=now) and not await _release(session, due, status, contents, now=now):
        return None
    if not contents:
        return 0
    edition_id = await session.scalar(
        sa.select(Edition.id).where(Edition.audience == due.audience, Edition.ward_id == due.ward.id, Edition.period == due.period)
    )
    made = await recipients.enqueue(session, due.audience, cast("int", edition_id), due.period, ward_id=due.ward.id, now=now)
    if not made and due.has_ended(now):
        await session.execute(sa.update(Edition).where(Edition.id == edition_id).values(status=EditionStatus.CANCELLED))
    return made


async def _insert(session: AsyncSession, due: Due, status: EditionStatus, contents: dict[str, Any], *, now: datetime) -> bool:
    row = {
        "audience": due.audience,
        "ward_id": due.ward.id,
        "period": due.period,
        "status": status,
        "due_at": due.due_at,
        "contents": contents,
        "told_until": until(now),
        "created_at": now,
        "published_at": now if status is EditionStatus.PUBLISHED else None,
    }
    # On PostgreSQL a second scheduler waits here for the first one's commit, and then finds the row.
    return await insert_ignoring(session, Edition, [row], conflict=["audience", "ward_id", "period"]) == 1


async def _release(session: AsyncSession, due: Due, status: EditionStatus, contents: dict[str, Any], *, now: datetime) -> bool:
    """Turn a waiting edition into a published one; only one caller can."""
    statement = (
        sa.update(Edition)
        .where(Edition.audience == due.audience, Edition.ward_id == due.ward.id, Edition.period == due.period)
        .where(Edition.status.in_((EditionStatus.WAITING, EditionStatus.APPROVED)))
        .values(status=status, due_at=due.due_at, contents=contents, told_until=until(now), published_at=now if contents else None)
    )
    return cast("sa.CursorResult[Any]", await session.execute(statement)).rowcount == 1


def chosen_period(text: str | None, when: Weekly, *, now: datetime) -> str:
    """The period that an officer named, or the one that fell due last; one not due yet, or of another month, is refused."""
    if not text:
        return periods.last_due(when, now)
    period = text.strip().upper()
    if (due_at := periods.due_at(period, when)) > now:
        raise BadInput(f"{period} is not due until {dated_moment(due_at, when.zone)}. It goes out by itself then.")
    if due_at < now - _LONGEST_LOOK_BACK:
        raise BadInput(f"{period} was due on {dated(due_at.astimezone(when.zone))}: too long ago to send now. Is it a slip?")
    return period


async def chosen_ward(session: AsyncSession, text: str, *, now: datetime, when: Weekly) -> Ward:
    """The ward of today that an officer named by its code or its name."""
    wanted = " ".join(text.split()).casefold()
    for ward in await lookup.wards(session, on=now.astimezone(when.zone).date()):
        if wanted in (ward.code.casefold(), ward.name.casefold()):
            return ward
    raise NotFound(f"There is no ward “{text[:60]}” today. Write its code (E05016391) or its name as it was imported.")
