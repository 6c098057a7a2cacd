"""Progress: how far batches have come, how fast, and how long it takes from here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.outbox.models import RETRIED, Delivery, State


@dataclass(frozen=True, slots=True)
class Progress:
    """How the deliveries of some batches stand. ``retried`` are those of any state that were tried more than once."""

    total: int = 0
    sent: int = 0
    refused: int = 0
    unknown: int = 0
    cancelled: int = 0
    kept: int = 0
    left: int = 0
    retried: int = 0

    @property
    def done(self) -> int:
        return self.total - self.left - self.kept

    @property
    def is_over(self) -> bool:
        """Nothing more will happen by itself."""
        return self.left == 0


async def measure(session: AsyncSession, batches: Collection[str]) -> Progress:
    """Counted by the database over the index on batch and state."""
    statement = sa.select(Delivery.state, sa.func.count()).where(Delivery.batch.in_(batches)).group_by(Delivery.state)
    found: dict[State, int] = {row[0]: row[1] for row in await session.execute(statement)}
    return Progress(
        total=sum(found.values()),
        sent=found.get(State.SENT, 0),
        refused=found.get(State.FAILED, 0),
        unknown=found.get(State.UNKNOWN, 0),
        cancelled=found.get(State.CANCELLED, 0),
        kept=found.get(State.PAUSED, 0) + found.get(State.HELD, 0),
        left=found.get(State.QUEUED, 0) + found.get(State.SENDING, 0),
        retried=await retried(session, Delivery.batch.in_(batches)),
    )


async def retried(session: AsyncSession, *of: sa.ColumnElement[bool]) -> int:
    """How many of these were tried more than once."""
    return await session.scalar(retried_of(*of)) or 0


def retried_of(*of: sa.ColumnElement[bool]) -> sa.Select[int]:
    """Counted over an index that holds no others, however many there are."""
    return sa.select(sa.func.count()).select_from(Delivery).where(RETRIED, *of)


async def next_due(session: AsyncSession, batches: Collection[str]) -> datetime | None:
    """When the next of these is due, past or to come; None when none is queued. It looks at all that are queued."""
    queued = sa.select(sa.func.min(Delivery.due_at, type_=Delivery.due_at.type))
    return await session.scalar(queued.where(Delivery.batch.in_(batches), Delivery.state == State.QUEUED))


@dataclass(slots=True)
class Speed:
    """Deliveries a second, smoothed over about ten seconds."""

    rate: float = 0.0
    _done: int | None = None
    _at: float = 0.0

    def note(self, done: int, at: float) -> None:
        """``done`` so many at the moment ``at``, in seconds of any clock that only goes forward."""
        passed = at - self._at
        if self._done is not None and 0 <= passed < 0.001:
            return  # too short a time to divide by
        if self._done is not None and passed > 0:
            now = max(0, done - self._done) / passed
            weight = min(1.0, passed / 10.0) if self.rate else 1.0
            self.rate += (now - self.rate) * weight
        self._done, self._at = done, at

    def remaining(self, left: int) -> float | None:
        """Seconds until ``left`` more are done; None while nothing moves."""
        return left / self.rate if self.rate > 0.01 else None
