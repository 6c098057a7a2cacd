"""Outcomes: what everybody who answered is told when a survey has closed: what their ward said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.letters import Letter, Letters, bulk_headers
from intouch.links import Links
from intouch.outbox.models import Road
from intouch.outbox.parcel import Parcel
from intouch.outbox.rendering import Rendered, Renderer, Unwanted
from intouch.places.models import Ward
from intouch.residents.models import Resident, ResidentStatus
from intouch.surveys import audience, results
from intouch.surveys.invitations import by_survey, resident_of
from intouch.surveys.models import Response, Survey
from intouch.surveys.results import PlaceResults, SurveyResults
from intouch.templating import TELEGRAM_TEXT_LIMIT, TelegramMessage, Templates


def renderer(templates: Templates, links: Links, letters: Letters, *, smallest: int) -> Renderer:
    """The renderer of kind ``survey.outcome``; each survey is counted once a batch, each ward's message made once."""

    async def render(session: AsyncSession, deliveries: Sequence[Parcel]) -> Mapping[int, Rendered]:
        rendered: dict[int, Rendered] = {}
        for survey_id, batch in by_survey(deliveries).items():
            survey = await session.get(Survey, survey_id)
            wards = await _wards(session, survey, batch) if survey else {}
            if survey is None or not wards:
                rendered.update({delivery.id: Unwanted("nobody here to tell any more") for delivery in batch})
                continue
            topic = audience.topic_of(survey)
            told = await results.results(session, survey_id, smallest=smallest)
            messages: dict[int, TelegramMessage] = {}
            for delivery in batch:
                if delivery.id not in wards:
                    rendered[delivery.id] = Unwanted("left, stopped, or has no answer any more")
                    continue
                ward_id, ward_name = wards[delivery.id]
                values = _values(templates, told, ward_id, ward_name)
                if delivery.road is Road.EMAIL:
                    rendered[delivery.id] = _letter(letters, links, values, survey_id, resident_of(delivery), topic=topic)
                else:
                    messages[ward_id] = messages.get(ward_id) or _fitting(templates, values)
                    rendered[delivery.id] = messages[ward_id]
        return rendered

    return render


async def _wards(session: AsyncSession, survey: Survey, batch: Sequence[Parcel]) -> dict[int, tuple[int, str]]:
    """By delivery the ward that the resident's answers were counted in, and its name; without those not to be reached there now."""
    chat, email = audience.by_telegram().label("chat"), audience.by_email(audience.topic_of(survey)).label("by_email")
    query = sa.select(Response.resident_id, Ward.id, Ward.name, Resident.email, chat, email).join(Ward, Response.ward_id == Ward.id)
    query = query.join(Resident, Response.resident_id == Resident.id).where(Resident.status == ResidentStatus.ACTIVE)
    query = query.where(Response.survey_id == survey.id, Response.resident_id.in_([resident_of(delivery) for delivery in batch]))
    people = {row.resident_id: row for row in await session.execute(query) if row.resident_id}
    reached: dict[int, tuple[int, str]] = {}
    for delivery in batch:
        who = people.get(resident_of(delivery))
        if who and (who.chat if delivery.road is Road.TELEGRAM else who.by_email and who.email == delivery.address):
            reached[delivery.id] = (who.id, who.name)
    return reached


def _letter(letters: Letters, links: Links, values: dict[str, Any], survey_id: int, resident_id: int, *, topic: str) -> Letter:
    unsubscribe = links.url("unsubscribe", "unsubscribe", resident_id, str(topic))
    headers = bulk_headers("outcome", survey_id, list_name="outcomes", public_url=links.public_url, unsubscribe_url=unsubscribe)
    preferences = links.url("preferences", "preferences", resident_id)
    letter = letters.render("survey_outcome", **values, preferences_url=preferences, unsubscribe_url=unsubscribe)
    return letter.with_headers(headers)


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
