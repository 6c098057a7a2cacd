"""Opening: a turn with all that is known of the person whose update it is."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.bot.turn import Incoming, Turn
from intouch.council.models import Councillor, Officer
from intouch.residents.models import Dialogue, Resident
from intouch.runtime import Runtime


def _who_is_it() -> sa.Select[Resident, Officer, Councillor, Dialogue]:
    """Resident, officer, councillor in office and open dialogue of one Telegram id: each may be missing."""
    telegram_id = sa.bindparam("telegram_id", type_=sa.BigInteger)
    somebody = sa.select(telegram_id.label("id")).subquery()
    joined = somebody
    for entity, known in (
        (Resident, Resident.telegram_id == somebody.c.id),
        (Officer, Officer.telegram_id == somebody.c.id),
        (Councillor, sa.and_(Councillor.telegram_id == somebody.c.id, Councillor.is_active)),
        (Dialogue, Dialogue.telegram_id == somebody.c.id),
    ):
        joined = joined.outerjoin(entity, known)  # type: ignore[assignment]
    return sa.select(Resident, Officer, Councillor, Dialogue).select_from(joined).limit(1)


_KNOWN = _who_is_it()


async def open_turn(runtime: Runtime, session: AsyncSession, what: Incoming) -> Turn:
    """The turn that ``what`` begins.

    One statement asks for all: with two, another process may erase this person between them, and the turn would know somebody
    whose dialogue is gone.
    """
    found = await session.execute(_KNOWN, {"telegram_id": what.telegram_id})
    resident, officer, councillor, dialogue = found.one()
    return Turn(
        runtime=runtime,
        session=session,
        incoming=what,
        now=runtime.now(),
        resident=resident,
        officer=officer,
        councillor=councillor,
        dialogue=dialogue,
    )
