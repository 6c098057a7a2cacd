"""Asking: the letter that asks a resident for their ward, for as long as anything comes to them by email."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.letters import Letters, bulk_headers
from intouch.links import Links
from intouch.outbox.parcel import Parcel
from intouch.outbox.rendering import Rendered, Renderer, Unwanted, letter_renderer
from intouch.residents import subscriptions
from intouch.residents.models import Channel, Resident, ResidentStatus

KIND = "letter.ask_ward"


def letter(links: Links, resident_id: int, topic: str, *, on: date) -> dict[str, Any]:
    """The letter as a payload; one tap ends the ``topic`` that comes to them by email."""
    unsubscribe = links.url("unsubscribe", "unsubscribe", resident_id, topic)
    return {
        "template": "ask_ward",
        "values": {"preferences_url": links.url("preferences", "preferences", resident_id), "unsubscribe_url": unsubscribe},
        "headers": bulk_headers("ask-ward", on, list_name="wards", public_url=links.public_url, unsubscribe_url=unsubscribe),
    }


def renderer(letters: Letters) -> Renderer:
    """Kind ``letter.ask_ward``: whoever ended the last of their subscriptions since it was queued is not written to."""
    render_all = letter_renderer(letters)

    async def render(session: AsyncSession, deliveries: Sequence[Parcel]) -> Mapping[int, Rendered]:
        readers = await _readers(session, deliveries)
        wanted = [delivery for delivery in deliveries if readers.get(delivery.owner or "") == delivery.address]
        unwanted = {delivery.id: Unwanted("no longer subscribed at this address") for delivery in deliveries}
        return {**unwanted, **await render_all(session, wanted)}

    return render


async def _readers(session: AsyncSession, deliveries: Sequence[Parcel]) -> dict[str, str | None]:
    """The address of each owner to whom anything comes by email."""
    ids = [int((delivery.owner or ":0").partition(":")[2]) for delivery in deliveries]
    people = sa.select(Resident.id, Resident.email).where(
        Resident.id.in_(ids), Resident.status == ResidentStatus.ACTIVE, subscriptions.gets(channel=Channel.EMAIL)
    )
    return {f"resident:{row.id}": row.email for row in await session.execute(people)}
