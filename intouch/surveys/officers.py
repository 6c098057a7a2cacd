"""Officers: what becomes of an officer's surveys when they leave."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council import linking
from intouch.council.models import Officer
from intouch.residents import dialogues
from intouch.residents.models import DialogueKind
from intouch.surveys.models import Survey, SurveyStatus


async def remove(session: AsyncSession, officer: Officer) -> None:
    """The officer loses every right and is forgotten; what they launched stays, what they only began goes."""
    begun = (Survey.officer_id == officer.id, Survey.status == SurveyStatus.DRAFT, Survey.launched_at.is_(None))
    await session.execute(sa.delete(Survey).where(*begun))
    if officer.telegram_id is not None:
        dialogue = await dialogues.current(session, officer.telegram_id)
        if dialogue is not None and dialogue.kind is DialogueKind.LAUNCH:
            await dialogues.end(session, officer.telegram_id)
    await linking.forget_codes(session, officer.id)
    await session.delete(officer)
    await session.flush()
