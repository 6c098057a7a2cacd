"""Settling: writing down what came of deliveries, many in one transaction; only who holds the lease may."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.channels import outcomes
from intouch.channels.outcomes import Outcome, Verdict
from intouch.outbox import addresses
from intouch.outbox.models import Road, State
from intouch.outbox.parcel import TABLE, Parcel
from intouch.storage.among import among

FIRST_PAUSE = 20.0
LONGEST_PAUSE = 3600.0
ERROR_LENGTH = 300
# RFC 5321 section 4.5.4.1 gives a mail server four to five days to come back.
PATIENCE = timedelta(days=4)
# What was paused or held for as long, or found no mail server, has not been tried yet, and many put off whom they do not know.
LEAST_TRIES = 12
# An email whose end nobody saw goes out again under the same Message-ID, but not for ever.
MOST_UNSEEN = 3

OnDead = Callable[[AsyncSession, Road, str, str, datetime], Awaitable[None]]
OnRefused = Callable[[AsyncSession, int, str, datetime], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Follow:
    """What other rooms do in the same transaction: an address is ``dead``; a delivery was given up because its mailbox ``refused`` it."""

    dead: OnDead | None = None
    refused: OnRefused | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """How a worker settles. ``harmless`` are the kinds that may be sent again when nobody knows whether they arrived."""

    holder: str
    harmless: Collection[str] = frozenset()
    patience: timedelta = PATIENCE


class Settled(NamedTuple):
    """One delivery and its outcome, on the way into the database."""

    delivery: Parcel
    outcome: Outcome


async def settle(session: AsyncSession, group: Sequence[Settled], rules: Rules, *, now: datetime, follow: Follow | None = None) -> int:
    """Write a group of outcomes; the number that was still ours to write."""
    plain = [one.delivery.id for one in group if one.outcome == outcomes.SENT]
    written = await _write_sent(session, plain, rules, now)
    # What was erased or taken over in the meantime is not among them: then each is looked at.
    others = [one for one in group if written < len(plain) or one.outcome != outcomes.SENT]
    return written + (await _write_each(session, others, rules, now, follow or Follow()) if others else 0)


async def _write_sent(session: AsyncSession, ids: list[int], rules: Rules, now: datetime) -> int:
    """What nearly all emails of an edition come to, in one statement; how many it was true of."""
    if not ids:
        return 0
    result = await session.execute(_SENT, {"ids": ids, "holder": rules.holder, "now": now})
    return cast("sa.CursorResult[Any]", result).rowcount


async def _write_each(session: AsyncSession, group: Sequence[Settled], rules: Rules, now: datetime, follow: Follow) -> int:
    held = await _still_ours(session, [one.delivery.id for one in group], rules.holder)
    ours = [one for one in group if one.delivery.id in held]
    if ours:
        connection = await session.connection()
        await connection.execute(_UPDATE, [_row(one, rules, held[one.delivery.id], now) for one in ours])
    for one in ours:
        if may_be_followed(one) and held[one.delivery.id] != _ERASED:
            await _follow(session, one, rules, now, follow)
    return len(ours)


async def _still_ours(session: AsyncSession, ids: Sequence[int], holder: str) -> dict[int, str]:
    """The address of each delivery that we still hold; it is blank when its owner was erased in the meantime."""
    return {row[0]: row[1] for row in await session.execute(_OURS, {"ids": ids, "holder": holder})}


_ERASED = ""
_COLUMNS = ("state", "tries", "unseen", "address", "provider_id", "error", "settled_at", "leased_by", "lease_until")
_ARE_OURS = (
    among(TABLE.c.id, "ids"),
    TABLE.c.leased_by == sa.bindparam("holder"),
    TABLE.c.state == State.SENDING,
)
_OURS = sa.select(TABLE.c.id, TABLE.c.address).where(*_ARE_OURS).with_for_update()
_UPDATE = (
    sa.update(TABLE)
    .where(TABLE.c.id == sa.bindparam("the_id"))
    .values({name: sa.bindparam(f"new_{name}") for name in _COLUMNS})
    .values(due_at=sa.func.coalesce(sa.bindparam("new_due_at", type_=TABLE.c.due_at.type), TABLE.c.due_at))
)
_SENT = (
    sa.update(TABLE)
    .where(*_ARE_OURS, TABLE.c.address != _ERASED)
    .values(state=State.SENT, settled_at=sa.bindparam("now"), error=None, leased_by=None, lease_until=None)
)
_ENDS = {
    Verdict.SENT: State.SENT,
    Verdict.DEAD: State.FAILED,
    Verdict.FAILED: State.FAILED,
    Verdict.UNWANTED: State.CANCELLED,
    Verdict.UNKNOWN: State.UNKNOWN,
}


def _row(one: Settled, rules: Rules, address: str, now: datetime) -> dict[str, Any]:
    delivery, outcome = one.delivery, one.outcome
    state = next_state(delivery, outcome, rules, now=now)
    waits = state is State.QUEUED
    not_tried = outcome.verdict is Verdict.NOT_TRIED
    erased = address == _ERASED
    return {
        "the_id": delivery.id,
        "new_state": state,
        "new_tries": delivery.tries - 1 if not_tried else delivery.tries,
        "new_unseen": delivery.unseen + 1 if waits and outcome.verdict is Verdict.UNKNOWN else delivery.unseen,
        "new_due_at": now + pause(delivery.tries, outcome.after) if waits and not not_tried else None,  # it stays what it was
        "new_address": address if erased else _storable(outcome.moved_to) or address,
        "new_provider_id": None if erased else outcome.provider_id or delivery.provider_id,
        "new_error": None if erased else _words(outcome) or (delivery.error if not_tried else None),
        "new_settled_at": None if waits else now,
        "new_leased_by": None,
        "new_lease_until": None,
    }


def next_state(delivery: Parcel, outcome: Outcome, rules: Rules, *, now: datetime) -> State:
    """Where a delivery goes from ``sending``, given what came of the attempt."""
    if outcome.verdict is Verdict.NOT_TRIED:
        return State.QUEUED
    if outcome.verdict is Verdict.UNKNOWN and may_repeat(delivery, rules.harmless):
        return State.QUEUED
    if outcome.verdict is Verdict.RETRY:
        is_tired = now - delivery.created_at > rules.patience and delivery.tries >= LEAST_TRIES
        return State.FAILED if is_tired else State.QUEUED
    return _ENDS[outcome.verdict]


def may_repeat(delivery: Parcel, harmless: Collection[str]) -> bool:
    """Whether a delivery that may have arrived goes out again (docs/decisions/0050)."""
    return delivery.kind in harmless or (delivery.road is Road.EMAIL and delivery.unseen < MOST_UNSEEN)


def pause(tries: int, asked: float | None = None) -> timedelta:
    """How long to wait after try number ``tries``: doubling up to an hour, spread so that not all come back at once."""
    if asked is not None:
        return timedelta(seconds=asked * random.uniform(1.0, 1.1))
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(tries - 1, 12))
    return timedelta(seconds=longest * random.uniform(0.5, 1.0))


def _words(outcome: Outcome) -> str:
    return _storable(outcome.error)[:ERROR_LENGTH]


def _storable(text: str) -> str:
    """What a provider says may be anything. No database takes half a pair of surrogates, nor PostgreSQL a NUL."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def may_be_followed(one: Settled) -> bool:
    """Whether other rooms may have something to do because of it."""
    return one.outcome.verdict is Verdict.DEAD or one.outcome.is_of_mailbox


async def _follow(session: AsyncSession, one: Settled, rules: Rules, now: datetime, follow: Follow) -> None:
    delivery, reason = one.delivery, _words(one.outcome)
    if one.outcome.verdict is not Verdict.DEAD:
        # As long as it is tried again nothing has bounced: a mail server would not have reported it either.
        if follow.refused is not None and next_state(delivery, one.outcome, rules, now=now) is State.FAILED:
            await follow.refused(session, delivery.id, reason, now)
        return
    is_news = await addresses.mark_dead(session, delivery.road, delivery.address, reason=reason, now=now)
    if is_news and follow.dead is not None:
        await follow.dead(session, delivery.road, delivery.address, reason, now)
