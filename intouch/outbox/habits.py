"""Habits: how a worker goes about it: how long its leases are, how often it looks, how much it takes at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from intouch.outbox.flights import PACES, Pace
from intouch.outbox.models import Road
from intouch.outbox.settling import PATIENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """The defaults suit everybody but tests; ``poll`` and ``sweep_every`` in seconds."""

    lease: timedelta = timedelta(seconds=45)
    poll: float = 1.0
    sweep_every: float = 10.0
    patience: timedelta = PATIENCE
    harmless: Collection[str] = frozenset()
    paces: Mapping[Road, Pace] = field(default_factory=lambda: PACES)
