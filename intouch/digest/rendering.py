"""Rendering: editions as the letters and messages that leave, each edition once and then joined per person."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council.models import Councillor
from intouch.digest.models import Edition
from intouch.digest.stencil import Mark, Stencil, cut
from intouch.letters import Letter, Letters, bulk_headers
from intouch.links import Links
from intouch.outbox.models import Delivery, Road
from intouch.outbox.rendering import Rendered, Renderer, Unwanted
from intouch.residents.models import Channel, Resident, ResidentStatus, Subscription, Topic
from intouch.templating import TelegramMessage, Templates

NOBODY = 0  # the resident of a preview: their links belong to no one


class DigestPress:
    """Turns the contents of a digest into letters; each edition is rendered once."""

    def __init__(self, letters: Letters, links: Links) -> None:
        self._letters = letters
        self._links = links

    def stencil(self, contents: Mapping[str, Any]) -> Stencil:
        """The digest with its personal places marked."""
        return cut(
            lambda place: self._letters.render(
                "digest",
                **shown(contents),
                place=place,
                preferences_url=place("preferences"),
                unsubscribe_url=place("unsubscribe"),
            )
        )

    def letter(self, stencil: Stencil, code: str, *, resident_id: int, name: str) -> Letter:
        """The digest of one resident, with the headers by which mail apps unsubscribe in one tap (RFC 8058)."""
        unsubscribe = self._links.url("unsubscribe", "unsubscribe", resident_id, "digest")
        personal: dict[Mark, str] = {
            ("name",): f" {name}" if name else "",
            ("preferences",): self._links.url("preferences", "preferences", resident_id),
            ("unsubscribe",): unsubscribe,
        }

        def value(mark: Mark) -> str:
            if mark[0] == "answer":
                _, survey_id, question_id, choice = mark
                return self._links.url("answer", "answer", survey_id, resident_id, question_id, choice)
            return personal[mark]

        public_url = self._links.public_url
        return stencil.fill(value).with_headers(
            bulk_headers("digest", code, list_name=f"digest.{code}", public_url=public_url, unsubscribe_url=unsubscribe)
        )

    async def render(self, session: AsyncSession, deliveries: Sequence[Delivery]) -> Mapping[int, Rendered]:
        """Kind ``edition.digest``: whoever unsubscribed since it was queued is not written to."""
        editions = await _editions(session, deliveries)
        stencils = {number: self.stencil(edition.contents) for number, edition in editions.items()}
        readers = await _subscribers(session, deliveries)
        rendered: dict[int, Rendered] = {}
        for delivery in deliveries:
            number = delivery.payload.get("edition", 0)
            reader = readers.get(delivery.owner or "")
            if number not in editions:
                rendered[delivery.id] = Unwanted("its edition is gone")
            elif reader is None or reader.email != delivery.address:
                rendered[delivery.id] = Unwanted("no longer subscribed at this address")
            else:
                code = editions[number].contents["code"]
                rendered[delivery.id] = self.letter(stencils[number], code, resident_id=reader.id, name=reader.first_name)
        return rendered


class BriefingPress:
    """Turns the contents of a briefing into a letter, or into a short message for the chat."""

    def __init__(self, letters: Letters, templates: Templates) -> None:
        self._letters = letters
        self._templates = templates

    def letter(self, contents: Mapping[str, Any], *, name: str) -> Letter:
        """The briefing of one councillor."""
        code, public_url = contents["code"], str(self._templates.environment.globals["public_url"])
        letter = self._letters.render("briefing", **shown(contents), name=name)
        return letter.with_headers(bulk_headers("briefing", code, list_name=f"briefing.{code}", public_url=public_url))

    def message(self, contents: Mapping[str, Any], *, name: str) -> TelegramMessage:
        """The briefing in short, for the chat."""
        return self._templates.telegram("ward/briefing", **shown(contents), name=name)

    async def render(self, session: AsyncSession, deliveries: Sequence[Delivery]) -> Mapping[int, Rendered]:
        """Kind ``edition.briefing``: by email, or to the chat of a councillor who linked it."""
        editions = await _editions(session, deliveries)
        councillors = await _councillors(session, deliveries)
        rendered: dict[int, Rendered] = {}
        for delivery in deliveries:
            edition = editions.get(delivery.payload.get("edition", 0))
            reader = councillors.get(delivery.owner or "")
            address = None if reader is None else reader.email if delivery.road is Road.EMAIL else str(reader.telegram_id)
            if edition is None or reader is None or address != delivery.address:
                rendered[delivery.id] = Unwanted("no councillor at this address any more")
            elif delivery.road is Road.EMAIL:
                rendered[delivery.id] = self.letter(edition.contents, name=reader.name)
            else:
                rendered[delivery.id] = self.message(edition.contents, name=reader.name)
        return rendered


def renderers(templates: Templates, letters: Letters, links: Links) -> dict[str, Renderer]:
    """The kinds of this room."""
    return {"edition.digest": DigestPress(letters, links).render, "edition.briefing": BriefingPress(letters, templates).render}


def shown(value: Any, key: str = "") -> Any:
    """Contents as templates take them: what JSON keeps as text under ``…_on`` and ``…_at`` is a date or a moment again."""
    if isinstance(value, Mapping):
        return {name: shown(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [shown(part) for part in value]
    read = _READ.get(key.rpartition("_")[2] if isinstance(value, str) and value else "")
    return read(value) if read else value


_READ: Mapping[str, Callable[[str], date]] = {"on": date.fromisoformat, "at": datetime.fromisoformat}


async def _editions(session: AsyncSession, deliveries: Sequence[Delivery]) -> dict[int, Edition]:
    numbers = {delivery.payload.get("edition", 0) for delivery in deliveries}
    return {edition.id: edition for edition in await session.scalars(sa.select(Edition).where(Edition.id.in_(numbers)))}


async def _subscribers(session: AsyncSession, deliveries: Sequence[Delivery]) -> dict[str, Resident]:
    statement = (
        sa.select(Resident)
        .join(Subscription, Subscription.resident_id == Resident.id)
        .where(Resident.id.in_(_owners(deliveries)), Resident.status == ResidentStatus.ACTIVE)
        .where(Subscription.topic == Topic.DIGEST, Subscription.channel == Channel.EMAIL, Subscription.ended_at.is_(None))
    )
    return {f"resident:{resident.id}": resident for resident in await session.scalars(statement)}


async def _councillors(session: AsyncSession, deliveries: Sequence[Delivery]) -> dict[str, Councillor]:
    statement = sa.select(Councillor).where(Councillor.id.in_(_owners(deliveries)), Councillor.is_active)
    return {f"councillor:{councillor.id}": councillor for councillor in await session.scalars(statement)}


def _owners(deliveries: Sequence[Delivery]) -> set[int]:
    return {int(delivery.owner.partition(":")[2]) for delivery in deliveries if delivery.owner}
