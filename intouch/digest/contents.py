"""Contents: what a ward's weekly digest says, gathered once and kept as JSON in its edition."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council import notices
from intouch.council.models import Notice
from intouch.digest import asked, said
from intouch.digest.scope import Scope
from intouch.issues import counts

_AHEAD = timedelta(days=14)
# Mail apps cut an email off at 100 KB: a ward with a flood of notices gets the soonest, and how many more there are.
MOST_NOTICES = 20


async def gather(session: AsyncSession, scope: Scope) -> dict[str, Any]:
    """Everything the digest of this ward says, the same for each of its readers; empty when there is nothing to say."""
    happening = await notices.notices_of_ward(session, scope.ward.id, first=scope.today, last=scope.today + _AHEAD)
    reports = await counts.made_and_fixed(session, scope.ward.id, start=scope.since, end=scope.until)
    found = {
        "asked": await asked.open_now(session, scope),
        **await said.closed_lately(session, scope),
        "notices": told(happening[:MOST_NOTICES]),
        "reports": {
            "made": reports.made,
            "fixed": reports.fixed,
            "examples": [
                {"reference": one.reference, "category": scope.categories.name(one.category), "note": cut(one.note, 300)}
                for one in reports.examples
            ],
        },
    }
    if not (found["asked"] or found["said"] or happening or reports.made or reports.fixed):
        return {}
    names = {"ward": scope.ward.name, "code": scope.ward.code}
    return {**names, **found, "more_notices": max(0, len(happening) - MOST_NOTICES), "on": scope.today.isoformat()}


def cut(words: str, most: int) -> str:
    """``words``, ended with an ellipsis at a space where they are longer than ``most`` characters."""
    if len(words) <= most:
        return words
    kept = words[: most - 1]
    return (kept.rpartition(" ")[0] or kept).rstrip() + "…"


def told(happening: Iterable[Notice]) -> list[dict[str, Any]]:
    """Notices as an edition keeps them."""
    return [_told(notice) for notice in happening]


def _told(notice: Notice) -> dict[str, Any]:
    url = notice.url if notice.url.startswith(("https://", "http://")) else ""
    return {
        "kind": notice.kind,
        "title": cut(notice.title, 200),
        "text": cut(notice.text, 400) if url else notice.text,  # a page tells the rest, or nothing does
        "url": url,
        "starts_on": notice.starts_on.isoformat(),
        "ends_on": notice.ends_on.isoformat() if notice.ends_on else "",
    }
