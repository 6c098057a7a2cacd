"""Rendering: what a delivery becomes when its turn comes, and who turns it into that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.channels.plate import Plate, Word
from intouch.letters import Letter, Letters
from intouch.outbox.parcel import Parcel
from intouch.templating import TelegramMessage

AT_ONCE = 5  # so few that the mail server never waits long: with 25 it stood idle while we packed, and then we while it answered


@dataclass(frozen=True, slots=True)
class Encoded:
    """An email that is ready: the bytes of the whole message (RFC 5322, CRLF), not yet dot-stuffed."""

    message: bytes


class Copy(NamedTuple):
    """One reader's copy of a letter that is encoded once for all: ``plate`` gives it for a sender, ``words`` stand in its places."""

    plate: Callable[[str], Plate]
    words: Sequence[Word]


@dataclass(frozen=True, slots=True)
class Unwanted:
    """Not to be sent any more; ``reason`` is kept with the cancelled delivery, so it names nobody."""

    reason: str


Rendered = TelegramMessage | Letter | Encoded | Copy | Unwanted

# Is given deliveries of its kind, in a reading session; answers by delivery id. One left out counts as failed.
Renderer = Callable[[AsyncSession, Sequence[Parcel]], Awaitable[Mapping[int, Rendered]]]


async def unhurried(parcels: Sequence[Parcel]) -> AsyncIterator[Sequence[Parcel]]:
    """A few at a time, and before each few a moment in which the mail server's answers to others are heard."""
    for start in range(0, len(parcels), AT_ONCE):
        await asyncio.sleep(0)
        yield parcels[start : start + AT_ONCE]


async def render_messages(_session: AsyncSession, deliveries: Sequence[Parcel]) -> Mapping[int, Rendered]:
    """Kind ``message``: the payload is the Telegram message itself."""
    return {delivery.id: TelegramMessage.from_json(delivery.payload) for delivery in deliveries}


def letter_renderer(letters: Letters) -> Renderer:
    """Kind ``letter``: the payload names a letter's template and its values, and may add headers."""

    async def render(_session: AsyncSession, deliveries: Sequence[Parcel]) -> Mapping[int, Rendered]:
        rendered: dict[int, Rendered] = {}
        for delivery in deliveries:
            letter = letters.render(delivery.payload["template"], **delivery.payload.get("values", {}))
            rendered[delivery.id] = letter.with_headers(delivery.payload.get("headers", {}))
        return rendered

    return render


def generic_renderers(letters: Letters) -> dict[str, Renderer]:
    """The kinds that every room may use without a renderer of its own."""
    return {"message": render_messages, "letter": letter_renderer(letters)}
