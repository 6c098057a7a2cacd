"""Approving: late editions that wait for an officer, to be published with the next tick or left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.digest.models import Audience, Edition, EditionStatus
from intouch.places.models import Ward


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
    """Have it published with the next tick; False when it does not wait any more."""
    return await _move(session, edition_id, EditionStatus.APPROVED)


async def leave_out(session: AsyncSession, edition_id: int) -> bool:
    """It does not go out; the next edition tells of its week too."""
    return await _move(session, edition_id, EditionStatus.LEFT_OUT)


async def names(session: AsyncSession, batches: Sequence[str]) -> dict[str, str]:
    """Editions among these batches, as people call them: ``digest 2026-W47, Southwick``."""
    numbers = [int(batch.partition(":")[2]) for batch in batches if batch.startswith("edition:") and batch[8:].isdecimal()]
    statement = sa.select(Edition.id, Edition.audience, Edition.period, Ward.name).join(Ward, Ward.id == Edition.ward_id)
    found = await session.execute(statement.where(Edition.id.in_(numbers)))
    return {f"edition:{row[0]}": f"{row[1].value} {row[2]}, {row[3]}" for row in found}


async def _move(session: AsyncSession, edition_id: int, status: EditionStatus) -> bool:
    statement = sa.update(Edition).where(Edition.id == edition_id, Edition.status == EditionStatus.WAITING).values(status=status)
    result = await session.execute(statement, execution_options={"synchronize_session": False})
    return cast("sa.CursorResult[Any]", result).rowcount == 1
