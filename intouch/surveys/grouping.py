"""Grouping: the wards and areas that a survey is counted under, kept as they were when it opened."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.places.models import Ward
from intouch.storage.inserting import insert
from intouch.surveys.models import Survey, SurveyPlace, SurveyStatus


async def keep(session: AsyncSession, survey_id: int | None = None) -> None:
    """Keep every ward's name and area for this open survey, or for all that are open; what is kept never changes.

    An area whose wards are changed would else show its numbers with and without one ward, and the difference is that
    ward's own, hidden or not. Called where a survey opens and closes, and after an import, which may bring wards.
    """
    columns = {"survey_id": Survey.id, "ward_id": Ward.id, "ward_name": Ward.name, "area_id": Ward.area_id}
    is_open = (Survey.status == SurveyStatus.OPEN, *([Survey.id == survey_id] if survey_id is not None else []))
    rows = sa.select(*columns.values()).select_from(Survey).join(Ward, sa.true()).where(*is_open)
    statement = insert(session, SurveyPlace).from_select(list(columns), rows)
    await session.execute(statement.on_conflict_do_nothing(index_elements=["survey_id", "ward_id"]))
