"""Consents: what a resident agreed to, in which words, and since when not any more."""

from __future__ import annotations

from datetime import datetime
from functools import cache

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import templating
from intouch.residents.models import Consent, Resident

PURPOSE = "be asked, get answers and news"


@cache
def email_wording() -> str:
    """What people agree to who sign up by email: the very text of the confirmation letter and of the page it leads to."""
    return (templating.FOLDER / "email" / "confirm_email" / "consent.txt").read_text(encoding="utf-8").strip()


def give(session: AsyncSession, resident: Resident, *, wording: str, now: datetime) -> None:
    """Record that the resident agreed to these words; once, while the consent holds."""
    if resident.consented_at is None:
        resident.consented_at = now
        session.add(Consent(resident_id=resident.id, purpose=PURPOSE, wording=wording, given_at=now))


async def withdraw(session: AsyncSession, resident: Resident, *, now: datetime) -> None:
    """Nothing is agreed any more; what was agreed to before stays on record."""
    resident.consented_at = None
    held = sa.update(Consent).where(Consent.resident_id == resident.id, Consent.withdrawn_at.is_(None))
    await session.execute(held.values(withdrawn_at=now))
