"""Invitations: what a resident is sent when a survey opens, by Telegram or by email, if it is still for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.clock import Clock
from intouch.letters import Letter, Letters, bulk_headers
from intouch.links import Links
from intouch.outbox.models import Road
from intouch.outbox.parcel import Parcel
from intouch.outbox.rendering import Rendered, Renderer, Unwanted
from intouch.residents.models import Resident
from intouch.surveys import answer_links, audience, listing, questionnaires
from intouch.surveys.models import QuestionType, Survey, SurveyStatus
from intouch.surveys.questionnaires import Questionnaire
from intouch.templating import Templates

_ONE_TAP = (QuestionType.SINGLE, QuestionType.SCALE)


def renderer(templates: Templates, links: Links, letters: Letters, clock: Clock) -> Renderer:
    """The renderer of kind ``survey.invitation``; asks the database the same few questions however many the deliveries."""

    async def render(session: AsyncSession, deliveries: Sequence[Parcel]) -> Mapping[int, Rendered]:
        rendered: dict[int, Rendered] = {}
        for survey_id, batch in by_survey(deliveries).items():
            survey = await session.get(Survey, survey_id)
            reason = _why_not(survey, clock.now())
            if survey is None or reason:
                rendered.update({delivery.id: Unwanted(reason) for delivery in batch})
                continue
            form = await questionnaires.load(session, survey)
            message = templates.telegram("surveys/invitation", form=form, question=form.questions[0])
            unwanted = await _unwanted(session, survey, batch)
            for delivery in batch:
                if delivery.id in unwanted:
                    rendered[delivery.id] = Unwanted(unwanted[delivery.id])
                elif delivery.road is Road.TELEGRAM:
                    rendered[delivery.id] = message
                else:
                    rendered[delivery.id] = _letter(letters, links, form, resident_of(delivery), topic=audience.topic_of(survey))
        return rendered

    return render


def by_survey(deliveries: Sequence[Parcel]) -> dict[int, list[Parcel]]:
    """The deliveries of each survey; 0 where the payload was blanked."""
    found: dict[int, list[Parcel]] = defaultdict(list)
    for delivery in deliveries:
        found[delivery.payload.get("survey_id", 0)].append(delivery)
    return found


def resident_of(delivery: Parcel) -> int:
    """Whose delivery it is; 0, which is nobody, after erasure."""
    kind, _, number = (delivery.owner or "").partition(":")
    return int(number) if kind == "resident" and number.isdigit() else 0


def _why_not(survey: Survey | None, now: datetime) -> str:
    if survey is None:
        return "the survey is gone"
    is_open = survey.status is SurveyStatus.OPEN and (survey.closes_at is None or survey.closes_at > now)
    return "" if is_open else "the survey has closed"


async def _unwanted(session: AsyncSession, survey: Survey, batch: Sequence[Parcel]) -> dict[int, str]:
    """Why some of these residents must not be asked any more, by delivery."""
    ids = [resident_of(delivery) for delivery in batch]
    topic = audience.topic_of(survey)
    reasons: dict[int, str] = {}
    for road, reached in ((Road.TELEGRAM, audience.by_telegram(topic)), (Road.EMAIL, audience.by_email(topic))):
        wanted = set(await session.scalars(sa.select(Resident.id).where(Resident.id.in_(ids), audience.belongs(survey), reached)))
        lost = [delivery for delivery in batch if delivery.road is road and resident_of(delivery) not in wanted]
        reasons.update({delivery.id: "stopped, moved away or not reached there any more" for delivery in lost})
    finished = await listing.who_finished(session, survey.id, ids)
    reasons.update({delivery.id: "answered already" for delivery in batch if resident_of(delivery) in finished})
    return reasons


def _letter(letters: Letters, links: Links, form: Questionnaire, resident_id: int, *, topic: str) -> Letter:
    first = form.questions[0]
    token = links.token(answer_links.PURPOSE, form.survey_id, resident_id)

    def url(choice: int) -> str:
        return links.public_url + answer_links.path(token, first.id, choice)

    unsubscribe = links.url("unsubscribe", "unsubscribe", resident_id, str(topic))
    letter = letters.render(
        "survey_invitation",
        form=form,
        question=first,
        choices=[(choice.text, url(choice.id)) for choice in first.choices] if first.type in _ONE_TAP else [],
        open_url=url(0),
        preferences_url=links.url("preferences", "preferences", resident_id),
        unsubscribe_url=unsubscribe,
    )
    return letter.with_headers(
        bulk_headers("invitation", form.survey_id, list_name="surveys", public_url=links.public_url, unsubscribe_url=unsubscribe)
    )
