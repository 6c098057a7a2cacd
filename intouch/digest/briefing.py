"""Briefing: what a councillor reads once a week about their ward, gathered once and kept as JSON in its edition."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council import notices, teams
from intouch.digest import contents, said
from intouch.digest.scope import Scope
from intouch.issues import counts
from intouch.issues.models import IssueStatus
from intouch.places.models import Area
from intouch.residents import network

OLD_AFTER_DAYS = 14
FEW_ANSWERED = 0.1
SMALL_NETWORK = 50
MOST_NOTICES = 10
MOST_STEPS = 5
_SHOWN = (IssueStatus.REPORTED, IssueStatus.IN_PROGRESS, IssueStatus.FIXED, IssueStatus.CLOSED)


async def gather(session: AsyncSession, scope: Scope) -> dict[str, Any]:
    """Everything the briefing of this ward says, the same for each of its councillors; empty when there is nothing to say."""
    happened = await notices.new_notices(session, scope.ward.id, since=scope.since, until=scope.until)
    found: dict[str, Any] = {
        **await said.compared(session, scope),
        "reports": await _reports(session, scope),
        "team": await _team(session, scope),
        "notices": contents.told(happened[:MOST_NOTICES]),
        "network": await _network(session, scope),
    }
    if not (found["surveys"] or found["reports"]["rows"] or happened or found["network"]["size"] != 0):
        return {}
    return {
        "ward": scope.ward.name,
        "code": scope.ward.code,
        "area": await session.scalar(sa.select(Area.name).where(Area.id == scope.ward.area_id)) or "",
        "on": scope.today.isoformat(),
        **found,
        "more_notices": max(0, len(happened) - MOST_NOTICES),
        "join_url": f"{scope.public_url}/join",
        "steps": next_steps(found),
    }


async def _team(session: AsyncSession, scope: Scope) -> dict[str, str]:
    """Whom the councillor can ask about a report; nothing where the council named no response team."""
    team = await teams.team_for(session, ward_id=scope.ward.id)
    return {"team": team.name, "email": team.email} if team else {}


async def _network(session: AsyncSession, scope: Scope) -> dict[str, int | None]:
    """Size and growth, each at least; None for a number of people too small to be shown."""
    size = await network.size(session, scope.ward.id)
    growth = await network.growth(session, scope.ward.id, since=scope.now - timedelta(days=7))
    return {"size": network.shown(size, scope.smallest), "growth": network.shown(growth, scope.smallest), "smallest": scope.smallest}


async def _reports(session: AsyncSession, scope: Scope) -> dict[str, Any]:
    lately = await counts.made_and_fixed(session, scope.ward.id, start=scope.since, end=scope.until)
    oldest = await counts.oldest_open(session, scope.ward.id, now=scope.now, limit=5)
    return {
        "rows": _by_category(await counts.by_category_and_status(session, scope.ward.id), scope),
        "made": lately.made,
        "fixed": lately.fixed,
        "oldest": [
            {"reference": one.reference, "category": scope.categories.name(one.category), "status": one.status.value, "days": one.days_open}
            for one in oldest
        ],
    }


def _by_category(counted: Sequence[counts.StatusCount], scope: Scope) -> list[dict[str, Any]]:
    """One row a category with its number in each state, the category with most still open at the top."""
    rows: dict[str, dict[str, Any]] = {}
    for one in counted:
        empty = {"category": scope.categories.name(one.category), **{status.value: 0 for status in _SHOWN}}
        row = rows.setdefault(one.category, empty)
        if one.status in _SHOWN:
            row[one.status.value] = one.number
    return sorted(rows.values(), key=lambda row: (-row["reported"] - row["in_progress"], row["category"]))


def next_steps(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What the councillor could do this week, computed from what was found; the words for each ``kind`` are in the templates."""
    old = [{"kind": "chase", **found["team"], **report} for report in found["reports"]["oldest"] if report["days"] > OLD_AFTER_DAYS]
    told = [
        {"kind": "tell", "title": survey["title"], "url": survey["url"]}
        for survey in found["surveys"]
        if not survey["is_open"] and survey["answered"]
    ]
    few = [
        {"kind": "few", "title": survey["title"], "asked": survey["asked"], "closes_at": survey["closes_at"]}
        for survey in found["surveys"]
        if survey["is_open"] and _few_answered(survey)
    ]
    size = found["network"]["size"]
    small = [{"kind": "share", "size": size}] if size is None or size < SMALL_NETWORK else []
    steps = [*old[:2], *told[:1], *few[:1], *small]
    return steps[:MOST_STEPS] or [{"kind": "listen"}]


def _few_answered(survey: dict[str, Any]) -> bool:
    asked, answered = survey["asked"], survey["answered"]
    return bool(asked) and (answered is None or answered < FEW_ANSWERED * asked)
