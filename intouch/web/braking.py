"""Braking: how often one client address may post a form that sends email."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

_MOST_ADDRESSES = 10_000


class Brake:
    """Counts posts per address in a sliding window, in this process only.

    A courtesy brake: losing the counts at a restart costs nothing, and the limit that protects a person's
    mailbox is per email address and lives in rows (``residents``).
    """

    def __init__(self, most: int, window: timedelta) -> None:
        self._most = most
        self._window = window
        self._posts: OrderedDict[str, list[datetime]] = OrderedDict()

    def allows(self, address: str, *, now: datetime) -> bool:
        """Whether this address may post once more; counts the post if so."""
        recent = [at for at in self._posts.pop(address, []) if now - self._window < at <= now]
        is_allowed = len(recent) < self._most
        self._posts[address] = [*recent, now] if is_allowed else recent
        if len(self._posts) > _MOST_ADDRESSES:
            self._posts.popitem(last=False)
        return is_allowed
