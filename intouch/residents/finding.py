"""Finding: the resident that a link names."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.errors import NotFound
from intouch.residents.models import Resident, ResidentStatus

GONE = "This link is for a sign-up that isn't there any more. You can sign up again at any time."


async def resident(session: AsyncSession, resident_id: int, *, lock: bool = False) -> Resident:
    """The resident with this number, or the one they were merged into; ``NotFound`` when erased or never there."""
    found = await session.get(Resident, resident_id, with_for_update=lock, populate_existing=lock)
    if found is not None and found.merged_into_id is not None:
        found = await session.get(Resident, found.merged_into_id, with_for_update=lock, populate_existing=lock)
    if found is None or found.status is ResidentStatus.ERASED:
        raise NotFound(GONE)
    return found
