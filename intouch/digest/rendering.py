"""Rendering: editions as the letters and messages that leave, each edition once and then joined per person."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.channels.plate import Word
from intouch.council.models import Councillor
from intouch.digest.fitting import fitting
from intouch.digest.models import Edition
from intouch.digest.stencil import Mark, Place, Stencil, cut, one_line
from intouch.letters import Letter, Letters, bulk_headers
from intouch.links import Links
from intouch.outbox.models import Road
from intouch.outbox.parcel import Parcel
from intouch.outbox.rendering import Copy, Rendered, Renderer, Unwanted, unhurried
from intouch.residents import subscriptions
from intouch.residents.models import Channel, Resident, ResidentStatus, Topic
from intouch.storage.among import among
from intouch.surveys import answer_links
from intouch.templating import TelegramMessage, Templates

MOST_EDITIONS = 64  # kept ready, some 100 KB each
_ANYBODY = 10**9  # a resident whose links are as long as links get
NOBODY = 0  # the resident of a preview: their links belong to no one


# Asked for every batch. Of tables, not of classes: a statement of those is made anew each time that it is asked.
_PUBLISHED = sa.select(*(Edition.__table__.c[name] for name in ("id", "published_at"))).where(among(Edition.__table__.c.id, "ids"))
_PEOPLE = Resident.__table__.c
_SUBSCRIBERS = sa.select(_PEOPLE.id, _PEOPLE.email, _PEOPLE.first_name).where(
    among(_PEOPLE.id, "ids"), _PEOPLE.status == ResidentStatus.ACTIVE, subscriptions.gets(Topic.DIGEST, channel=Channel.EMAIL)
)

Reader = sa.Row[int, str | None, str]  # number, address and first name
# What stands at one place: a token for the number of a resident, or, where there is none, their first name.
Stamp = Callable[[int], bytes] | None


class Engraved:
    """An edition of which all is ready but what is personal; ``stamps`` say what that is, mark by mark."""

    def __init__(self, stencil: Stencil, stamps: Sequence[Stamp]) -> None:
        self._plate = lru_cache(maxsize=4)(stencil.engrave)
        self._stamps = stamps

    def words(self, resident_id: int, name: str) -> list[Word]:
        """What stands at the places of one resident, one line each."""
        called = one_line(f" {name}") if name else ""
        return [stamp(resident_id) if stamp else called for stamp in self._stamps]

    def copy(self, resident_id: int, name: str) -> Copy:
        """The letter of one resident, of which only what is theirs is still to be encoded."""
        return Copy(self._plate, self.words(resident_id, name))


class DigestPress:
    """Turns the contents of a digest into letters; each edition is rendered and encoded once."""

    def __init__(self, letters: Letters, links: Links) -> None:
        self._letters = letters
        self._links = links
        self._editions: dict[tuple[int, datetime | None], Engraved] = {}

    def stencil(self, contents: Mapping[str, Any]) -> Stencil:
        """The digest with its personal places marked, and the headers by which mail apps unsubscribe in one tap (RFC 8058)."""
        return fitting(contents, lambda told: cut(lambda place: self._marked(told, place)), lambda cut: self._sample(cut).html)

    def _sample(self, stencil: Stencil) -> Letter:
        return self.letter(stencil, resident_id=_ANYBODY, name="")

    def _marked(self, contents: Mapping[str, Any], place: Place) -> Letter:
        code, public_url = contents["code"], self._links.public_url

        def answer_url(survey_id: int, question_id: int, choice: int = 0) -> str:
            return public_url + answer_links.path(place("answer", survey_id), question_id, choice)

        unsubscribe = f"{public_url}/unsubscribe/{place('unsubscribe')}"
        letter = self._letters.render(
            "digest",
            **shown(contents),
            name=place("name"),
            answer_url=answer_url,
            preferences_url=f"{public_url}/preferences/{place('preferences')}",
            unsubscribe_url=unsubscribe,
        )
        return letter.with_headers(
            bulk_headers("digest", code, list_name=f"digest.{code}", public_url=public_url, unsubscribe_url=unsubscribe)
        )

    def engraved(self, stencil: Stencil) -> Engraved:
        """The digest as it waits for its readers."""
        return Engraved(stencil, [self._stamp(mark) for mark in stencil.marks])

    def letter(self, stencil: Stencil, *, resident_id: int, name: str) -> Letter:
        """The digest of one resident, to be read before it is encoded."""
        return stencil.fill(self.engraved(stencil).words(resident_id, name))

    def _stamp(self, mark: Mark) -> Stamp:
        match mark:
            case ("answer", survey_id):
                return self._links.stamp(answer_links.PURPOSE, survey_id)
            case ("preferences",):
                return self._links.stamp("preferences")
            case ("unsubscribe",):
                return self._links.stamp("unsubscribe", after=["digest"])
            case ("name",):
                return None
        raise ValueError(f"the digest has no place {mark!r}")

    async def render(self, session: AsyncSession, deliveries: Sequence[Parcel]) -> Mapping[int, Rendered]:
        """Kind ``edition.digest``: whoever unsubscribed since it was queued is not written to."""
        editions = await self._engraved(session, {delivery.payload.get("edition", 0) for delivery in deliveries})
        readers = await _subscribers(session, deliveries)
        rendered: dict[int, Rendered] = {}
        async for few in unhurried(deliveries):
            for delivery in few:
                edition = editions.get(delivery.payload.get("edition", 0))
                rendered[delivery.id] = _copy(delivery, edition, readers.get(delivery.owner or ""))
        return rendered

    async def _engraved(self, session: AsyncSession, numbers: set[int]) -> dict[int, Engraved]:
        """The editions that exist; one whose contents were published anew is engraved anew."""
        wanted = {(row.id, row.published_at) for row in await session.execute(_PUBLISHED, {"ids": list(numbers)})}
        known = {key: self._editions.pop(key) for key in wanted if key in self._editions}
        unread = [number for number, at in wanted if (number, at) not in known]
        for edition in await session.scalars(sa.select(Edition).where(Edition.id.in_(unread))) if unread else ():
            known[edition.id, edition.published_at] = self.engraved(self.stencil(edition.contents))
        self._editions = dict([*self._editions.items(), *known.items()][-MOST_EDITIONS:])  # those used last are kept
        return {number: edition for (number, _), edition in known.items()}


def _copy(delivery: Parcel, edition: Engraved | None, reader: Reader | None) -> Rendered:
    if edition is None:
        return Unwanted("its edition is gone")
    if reader is None:
        return Unwanted("no longer subscribed at this address")
    resident_id, address, name = reader
    return edition.copy(resident_id, name) if address == delivery.address else Unwanted("no longer subscribed at this address")


class BriefingPress:
    """Turns the contents of a briefing into a letter, or into a short message for the chat."""

    def __init__(self, letters: Letters, templates: Templates) -> None:
        self._letters = letters
        self._templates = templates

    def letter(self, contents: Mapping[str, Any], *, name: str) -> Letter:
        """The briefing of one councillor."""
        code, public_url = contents["code"], str(self._templates.environment.globals["public_url"])
        letter = fitting(contents, lambda told: self._letters.render("briefing", **shown(told), name=name), lambda made: made.html)
        return letter.with_headers(bulk_headers("briefing", code, list_name=f"briefing.{code}", public_url=public_url))

    def message(self, contents: Mapping[str, Any], *, name: str) -> TelegramMessage:
        """The briefing in short, for the chat."""
        return self._templates.telegram("ward/briefing", **shown(contents), name=name)

    async def render(self, session: AsyncSession, deliveries: Sequence[Parcel]) -> Mapping[int, Rendered]:
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


async def _editions(session: AsyncSession, deliveries: Sequence[Parcel]) -> dict[int, Edition]:
    numbers = {delivery.payload.get("edition", 0) for delivery in deliveries}
    return {edition.id: edition for edition in await session.scalars(sa.select(Edition).where(Edition.id.in_(numbers)))}


async def _subscribers(session: AsyncSession, deliveries: Sequence[Parcel]) -> dict[str, Reader]:
    return {f"resident:{row[0]}": row for row in (await session.execute(_SUBSCRIBERS, {"ids": list(_owners(deliveries))})).all()}


async def _councillors(session: AsyncSession, deliveries: Sequence[Parcel]) -> dict[str, Councillor]:
    statement = sa.select(Councillor).where(Councillor.id.in_(_owners(deliveries)), Councillor.is_active)
    return {f"councillor:{councillor.id}": councillor for councillor in await session.scalars(statement)}


def _owners(deliveries: Sequence[Parcel]) -> set[int]:
    return {int(delivery.owner.partition(":")[2]) for delivery in deliveries if delivery.owner}
