"""Approving: late editions that wait for an officer, to be published with the next tick or cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.digest.batches import batch_of
from intouch.digest.models import Audience, Edition, EditionStatus
from intouch.errors import Closed
from intouch.places.models import Ward

WAITING = (EditionStatus.WAITING, EditionStatus.APPROVED)  # nothing of them is in the outbox
CANCELLED = (EditionStatus.CANCELLED,)
_UNSYNCHRONIZED = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Late:
    """An edition that was too late to go out by itself."""

    edition_id: int
    audience: Audience
    period: str
    ward: str


async def waiting(session: AsyncSession) -> list[Late]:
    """Those that wait, the newest first."""
    statement = (
        sa.select(Edition.id, Edition.audience, Edition.period, Ward.name)
        .join(Ward, Ward.id == Edition.ward_id)
        .where(Edition.status == EditionStatus.WAITING)
        .order_by(Edition.period.desc(), Edition.audience, Ward.name)
    )
    return [Late(*row) for row in await session.execute(statement)]


async def approve(session: AsyncSession, edition_id: int) -> bool:
    """Have it published with the next tick; False when it does not wait any more. What was cancelled stays so."""
    change = sa.update(Edition).where(Edition.id == edition_id, Edition.status == EditionStatus.WAITING)
    result = await session.execute(change.values(status=EditionStatus.APPROVED), execution_options=_UNSYNCHRONIZED)
    if cast("sa.CursorResult[Any]", result).rowcount == 1:
        return True
    if await wards(session, [batch_of(edition_id)], CANCELLED):
        raise Closed("That edition was cancelled, and what is cancelled stays so. The next one tells of its week too.")
    return False


async def approve_week(session: AsyncSession, audience: Audience, period: str) -> int:
    """Have all that wait of a week published with the next tick; how many."""
    change = sa.update(Edition).where(Edition.audience == audience, Edition.period == period, Edition.status == EditionStatus.WAITING)
    result = await session.execute(change.values(status=EditionStatus.APPROVED), execution_options=_UNSYNCHRONIZED)
    return cast("sa.CursorResult[Any]", result).rowcount


async def cancel(session: AsyncSession, batches: Sequence[str]) -> list[str]:
    """Those of these that are not published yet never go out; of which wards they are.

    The next edition tells of their week too. Whoever publishes one at this moment comes before or after, not between.
    """
    change = sa.update(Edition).where(Edition.id.in_(_numbers(batches)), Edition.status.in_(WAITING))
    changed = change.values(status=EditionStatus.CANCELLED).returning(Edition.id)
    cancelled = [batch_of(number) for number in await session.scalars(changed, execution_options=_UNSYNCHRONIZED)]
    return await wards(session, cancelled, CANCELLED)


async def wards(session: AsyncSession, batches: Sequence[str], statuses: Sequence[EditionStatus]) -> list[str]:
    """The wards of those editions among these batches that stand so, by name."""
    found = sa.select(Ward.name).join(Edition, Edition.ward_id == Ward.id).where(Edition.id.in_(_numbers(batches)))
    return list(await session.scalars(found.where(Edition.status.in_(statuses)).order_by(Ward.name)))


async def names(session: AsyncSession, batches: Sequence[str]) -> dict[str, str]:
    """Editions among these batches, as people call them: ``digest 2026-W47, Southwick``."""
    statement = sa.select(Edition.id, Edition.audience, Edition.period, Ward.name).join(Ward, Ward.id == Edition.ward_id)
    found = await session.execute(statement.where(Edition.id.in_(_numbers(batches))))
    return {f"edition:{row[0]}": f"{row[1].value} {row[2]}, {row[3]}" for row in found}


def _numbers(batches: Sequence[str]) -> list[int]:
    return [int(batch[8:]) for batch in batches if batch.startswith("edition:") and batch[8:].isdecimal()]
