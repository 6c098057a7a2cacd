"""Moving: open reports go into the wards that are in force, as the residents do."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.issues import routing
from intouch.issues.models import IssueReport, IssueStatus
from intouch.places import lookup
from intouch.places.models import Ward

_AT_A_TIME = 500
_OPEN = (IssueStatus.REPORTED, IssueStatus.IN_PROGRESS)
# What was finished lately is still told of in the digest and the briefing; what is older stays where it was.
_TOLD_FOR = timedelta(days=14)


async def move_to_new_wards(session: AsyncSession, *, on: date, now: datetime) -> int:
    """Move the reports of wards that are not in force on that day, and say how many; quick when there are none.

    By the place that they name, a point or a postcode, else into the one ward with the name of the old one. What neither
    says stays in the old ward, where ``issue list --ward`` finds it.
    """
    is_told = sa.or_(IssueReport.status.in_(_OPEN), IssueReport.changed_at >= now - _TOLD_FOR)
    columns = (IssueReport.id, IssueReport.longitude, IssueReport.latitude, IssueReport.place, Ward.name)
    query = sa.select(*columns).join(Ward, Ward.id == IssueReport.ward_id).where(IssueReport.reference.is_not(None), is_told)
    reports = (await session.execute(query.where(sa.not_(lookup.in_force(on))).order_by(IssueReport.id))).all()
    if not reports:
        return 0
    boundaries, by_name = await lookup.boundaries(session, on=on), await _by_name(session, on)
    found: dict[int, list[int]] = defaultdict(list)
    for report_id, longitude, latitude, words, old_name in reports:
        if longitude is not None and latitude is not None:
            ward_id = lookup.ward_within(boundaries, longitude, latitude)
        else:
            ward_id = await routing.ward_of_words(session, words, on=on)
        if ward_id := ward_id or by_name.get(old_name):
            found[ward_id].append(report_id)
    for ward_id, ids in found.items():
        for start in range(0, len(ids), _AT_A_TIME):
            these = IssueReport.id.in_(ids[start : start + _AT_A_TIME])
            await session.execute(sa.update(IssueReport).where(these).values(ward_id=ward_id))
    return sum(map(len, found.values()))


async def _by_name(session: AsyncSession, on: date) -> dict[str, int]:
    """The wards in force whose name no other has."""
    names: dict[str, list[int]] = defaultdict(list)
    for ward in await lookup.wards(session, on=on):
        names[ward.name].append(ward.id)
    return {name: ids[0] for name, ids in names.items() if len(ids) == 1}
