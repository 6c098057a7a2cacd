"""Taking part: whom a survey's answers belong to, the ward that they are counted in, and who counts as asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.errors import NotAllowed
from intouch.residents.models import Resident
from intouch.storage.inserting import insert_ignoring
from intouch.surveys import audience
from intouch.surveys.models import Invitation, Survey

Pair = tuple[int, int]  # survey and resident


class Asked(NamedTuple):
    """The resident that answers belong to, and where they are counted: where they lived when they were asked, else where they live."""

    resident_id: int
    ward_id: int
    is_invited: bool


async def find(session: AsyncSession, surveys: Mapping[int, Survey], pairs: Collection[Pair]) -> dict[Pair, Asked]:
    """Who is asked, by survey and resident (or whom they were merged into: links in old letters name the first).

    A pair is missing where the survey is not for that resident.
    """
    present, invited = await _known(session, surveys, pairs)
    found: dict[Pair, Asked] = {}
    uninvited: dict[int, set[int]] = defaultdict(set)
    for survey_id, resident_id in pairs:
        somebody = present.get(resident_id)
        if somebody is None or survey_id not in surveys:
            continue
        ward_id = invited.get((survey_id, somebody))
        if ward_id is None:
            uninvited[survey_id].add(somebody)
        else:
            found[survey_id, resident_id] = Asked(somebody, ward_id, is_invited=True)
    for survey_id, somebodies in uninvited.items():
        wards = await audience.wards_of(session, surveys[survey_id], somebodies)
        meant = [pair for pair in pairs if pair[0] == survey_id and pair not in found and present.get(pair[1]) in wards]
        found.update({pair: Asked(present[pair[1]], wards[present[pair[1]]], is_invited=False) for pair in meant})
    return found


async def count_as_asked(session: AsyncSession, asked: Iterable[tuple[int, Asked]], *, now: datetime) -> None:
    """Who sees or answers a survey without having been invited counts as asked from then on; ``asked`` are survey ids with whom."""
    rows = [
        {"survey_id": survey_id, "resident_id": one.resident_id, "ward_id": one.ward_id, "invited_at": now}
        for survey_id, one in sorted(asked)  # in one order, so that two processes never wait for each other
        if not one.is_invited
    ]
    await insert_ignoring(session, Invitation, rows, conflict=["survey_id", "resident_id"])


async def _known(
    session: AsyncSession, surveys: Mapping[int, Survey], pairs: Collection[Pair]
) -> tuple[dict[int, int], dict[tuple[int, int], int]]:
    """Who each resident is now, and the ward in which (survey, resident) were invited."""
    now_is = sa.func.coalesce(Resident.merged_into_id, Resident.id)
    invited = sa.and_(Invitation.survey_id.in_(list(surveys)), Invitation.resident_id == now_is)
    query = sa.select(Resident.id, now_is, Invitation.survey_id, Invitation.ward_id).join_from(Resident, Invitation, invited, isouter=True)
    rows = (await session.execute(query.where(Resident.id.in_({resident_id for _, resident_id in pairs})))).all()
    present = {resident_id: somebody for resident_id, somebody, _, _ in rows}
    return present, {(survey_id, somebody): ward_id for _, somebody, survey_id, ward_id in rows if survey_id is not None}


def not_yours() -> NotAllowed:
    """The error for a survey that is not for this resident."""
    return NotAllowed("This survey is for other residents. Send /survey to see the ones that are for you.")
