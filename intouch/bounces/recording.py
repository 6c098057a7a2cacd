"""Recording: what follows from a report, once, however often it comes and however many processes hear of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.bounces import scoring, statuses, stopping
from intouch.bounces.models import BounceReport, Kind, TroubledAddress
from intouch.bounces.reading import Report
from intouch.errors import BadInput
from intouch.outbox import addresses
from intouch.outbox.models import Delivery, Road
from intouch.residents import email
from intouch.residents.models import Resident
from intouch.storage.inserting import insert_ignoring
from intouch.templating import Templates

_STATUS_LENGTH = 40


class Heard(StrEnum):
    """What became of a report."""

    NOTHING = "nothing"  # about no email of ours, or about one whose address was erased
    KNOWN = "known"  # heard before
    OLD = "old"  # the owner has proved the address since
    NOTED = "noted"  # counted, or the address was dead already
    STOPPED = "stopped"  # nothing goes to the address any more, or nothing that its owner had subscribed to


async def record(session: AsyncSession, report: Report, *, templates: Templates, now: datetime) -> Heard:
    """Heed a report; safe to repeat and to do in two processes at a time."""
    delivery = await _delivery(session, report)
    if delivery is None or delivery.road is not Road.EMAIL or not delivery.address:
        return Heard.NOTHING
    row = {
        "fingerprint": _fingerprint(report),
        "delivery_id": delivery.id,
        "kind": report.kind,
        "status": report.status[:_STATUS_LENGTH].replace("\x00", ""),
        "heard_at": now,
    }
    if await insert_ignoring(session, BounceReport, [row], conflict=["fingerprint"]) == 0:
        return Heard.KNOWN
    address = addresses.same(Road.EMAIL, delivery.address)
    if report.kind is Kind.COMPLAINT:
        return Heard.STOPPED if await stopping.complained(session, address, now=now) else Heard.NOTED
    if await _was_proved_since(session, address, delivery.created_at):
        return Heard.OLD
    if report.kind is Kind.UNSUBSCRIBED:
        return Heard.STOPPED if await stopping.unsubscribed(session, address, now=now) else Heard.NOTED
    if report.kind is Kind.SOFT and not await _is_too_much(session, address, now=now):
        return Heard.NOTED
    reason = f"bounced: {row['status']}" if report.kind is Kind.HARD else "bounced too often"
    # The points have done their work: whoever proves the address again starts without any.
    await session.execute(sa.delete(TroubledAddress).where(TroubledAddress.address == address))
    return Heard.STOPPED if await stopping.gone(session, address, reason=reason, templates=templates, now=now) else Heard.NOTED


async def refused_at_sending(session: AsyncSession, delivery_id: int, reason: str, *, templates: Templates, now: datetime) -> Heard:
    """Our own mail server, or the one that we deliver to, said it instead of a report: once for a delivery, like that."""
    told = statuses.of_words(reason)
    return await record(session, Report(Kind.SOFT, told[0] if told else "", delivery_id), templates=templates, now=now)


async def _delivery(session: AsyncSession, report: Report) -> Delivery | None:
    """The email that the report is about; where only the address is known, the last one that left for it."""
    if report.delivery_id is not None:
        return await session.get(Delivery, report.delivery_id)
    address = _as_we_write_it(report.address)
    last = sa.select(Delivery).where(Delivery.road == Road.EMAIL, Delivery.address == address, Delivery.tries > 0)
    return await session.scalar(last.order_by(Delivery.id.desc()).limit(1)) if address else None


def _as_we_write_it(address: str) -> str:
    """Mail servers, and so providers, know a domain of another script in ASCII only."""
    try:
        return email.normalise(address)
    except BadInput:
        return addresses.same(Road.EMAIL, address)


def _fingerprint(report: Report) -> str:
    """Two reports of a kind about one email are one: that also stops a replay of another day."""
    return f"{report.delivery_id}:{report.kind.value}" if report.delivery_id is not None else report.number


async def _was_proved_since(session: AsyncSession, address: str, sent_at: datetime) -> bool:
    owner = sa.select(Resident.id).where(Resident.email == address, Resident.email_confirmed_at > sent_at)
    return await session.scalar(owner) is not None


async def _is_too_much(session: AsyncSession, address: str, *, now: datetime) -> bool:
    """Count one more soft bounce; the row is locked, so that two processes do not read the same score."""
    today = now.date()
    if await insert_ignoring(session, TroubledAddress, [{"address": address, "score": 1, "last_on": today}], conflict=["address"]):
        return scoring.is_too_much(1)
    found = sa.select(TroubledAddress).where(TroubledAddress.address == address)
    troubled = (await session.scalars(found.with_for_update().execution_options(populate_existing=True))).one()
    troubled.score = scoring.score(troubled.score, troubled.last_on, today)
    troubled.last_on = max(today, troubled.last_on)
    await session.flush()
    return scoring.is_too_much(troubled.score)


async def forget_old(session: AsyncSession, *, now: datetime) -> int:
    """Forget trouble that has passed; how many addresses."""
    passed = sa.delete(TroubledAddress).where(TroubledAddress.last_on < now.date() - scoring.FORGOTTEN_AFTER)
    result = await session.execute(passed.returning(TroubledAddress.address))
    return len(result.all())
