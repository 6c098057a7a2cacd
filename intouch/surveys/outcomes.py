"""Outcomes: what everybody who answered is told when a survey has closed: what their ward said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.letters import Letters, bulk_headers
from intouch.links import Links
from intouch.outbox.models import Delivery, Road
from intouch.outbox.rendering import Rendered, Renderer, Unwanted
from intouch.places.models import Ward
from intouch.residents.models import Resident, ResidentStatus
from intouch.surveys import results
from intouch.surveys.invitations import by_survey, resident_of
from intouch.surveys.models import Response
from intouch.surveys.results import PlaceResults, SurveyResults
from intouch.templating import TELEGRAM_TEXT_LIMIT, TelegramMessage, Templates


def renderer(templates: Templates, links: Links, letters: Letters, *, smallest: int) -> Renderer:
    """The renderer of kind ``survey.outcome``; each survey is counted once a batch, each ward's message made once."""

    async def render(session: AsyncSession, deliveries: Sequence[Delivery]) -> Mapping[int, Rendered]:
        rendered: dict[int, Rendered] = {}
        for survey_id, batch in by_survey(deliveries).items():
            wards = await _wards(session, survey_id, batch)
            if not wards:
                rendered.update({delivery.id: Unwanted("nobody here to tell any more") for delivery in batch})
                continue
            told = await results.results(session, survey_id, smallest=smallest)
            messages: dict[int, TelegramMessage] = {}
            for delivery in batch:
                resident_id = resident_of(delivery)
                if resident_id not in wards:
                    rendered[delivery.id] = Unwanted("left, or has no answer any more")
                    continue
                ward_id, ward_name = wards[resident_id]
                values = _values(templates, told, ward_id, ward_name)
                if delivery.road is Road.EMAIL:
                    preferences = links.url("preferences", "preferences", resident_id)
                    # No one-tap end: whoever answered is told once what came of it, and never again.
                    headers = bulk_headers("outcome", survey_id, list_name="outcomes", public_url=links.public_url)
                    letter = letters.render("survey_outcome", **values, preferences_url=preferences)
                    rendered[delivery.id] = letter.with_headers(headers)
                else:
                    messages[ward_id] = messages.get(ward_id) or _fitting(templates, values)
                    rendered[delivery.id] = messages[ward_id]
        return rendered

    return render


async def _wards(session: AsyncSession, survey_id: int, batch: Sequence[Delivery]) -> dict[int, tuple[int, str]]:
    """The ward that each resident's answers were counted in, and its name; without those who left."""
    query = sa.select(Response.resident_id, Ward.id, Ward.name).join(Ward, Response.ward_id == Ward.id)
    query = query.join(Resident, Response.resident_id == Resident.id).where(Resident.status == ResidentStatus.ACTIVE)
    query = query.where(Response.survey_id == survey_id, Response.resident_id.in_([resident_of(delivery) for delivery in batch]))
    return {resident_id: (ward_id, name) for resident_id, ward_id, name in await session.execute(query) if resident_id}


def _values(templates: Templates, told: SurveyResults, ward_id: int, ward_name: str) -> dict[str, Any]:
    public_url = templates.environment.globals["public_url"]
    place = told.nearest(ward_id)
    where = templates.text("email/survey_outcome/where.txt", place=place, ward_name=ward_name).strip()
    url = f"{public_url}/results/{told.survey_id}"
    return {"survey": told, "place": place, "ward_name": ward_name, "where": where, "more": 0, "url": url}


def _fitting(templates: Templates, values: dict[str, Any]) -> TelegramMessage:
    """The message with as many questions as Telegram takes; the page behind the link has them all."""
    place: PlaceResults | None = values["place"]
    questions = place.questions if place else ()
    message = templates.telegram("surveys/outcome", **values)
    for kept in range(len(questions) - 1, -1, -1):
        if len(message.text.encode("utf-16-le")) // 2 <= TELEGRAM_TEXT_LIMIT or place is None:
            break
        shorter = values | {"place": replace(place, questions=questions[:kept]), "more": len(questions) - kept}
        message = templates.telegram("surveys/outcome", **shorter)
    return message
