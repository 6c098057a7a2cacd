"""Enqueue: writing down what is to be sent; one delivery per key, for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.outbox.models import Delivery, Lane, Road, State
from intouch.storage.inserting import insert_ignoring


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A delivery to be made. ``due_at`` is ``now``, or the moment before which it must not leave."""

    key: str
    kind: str
    road: Road
    lane: Lane
    address: str
    due_at: datetime
    payload: Mapping[str, Any] = field(default_factory=dict)
    owner: str | None = None
    batch: str | None = None


async def enqueue(session: AsyncSession, draft: Draft) -> bool:
    """Queue one delivery; False when its key was there already, sent or not."""
    return await enqueue_many(session, [draft]) == 1


async def enqueue_many(session: AsyncSession, drafts: Sequence[Draft]) -> int:
    """Queue many in a few statements; the number that was new."""
    return await insert_ignoring(session, Delivery, [_row(draft) for draft in drafts], conflict=["key"])


def _row(draft: Draft) -> dict[str, Any]:
    return {
        "key": draft.key,
        "kind": draft.kind,
        "road": draft.road,
        "lane": draft.lane,
        "address": draft.address,
        "payload": dict(draft.payload),
        "owner": draft.owner,
        "batch": draft.batch,
        "state": State.QUEUED,
        "tries": 0,
        "unseen": 0,
        "due_at": draft.due_at,
        "created_at": draft.due_at,
    }
