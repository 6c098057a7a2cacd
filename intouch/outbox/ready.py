"""Ready: a letter that was rendered when it was queued, such as a test send of an edition to an officer."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.letters import Letter
from intouch.outbox.enqueue import Draft
from intouch.outbox.models import Lane, Road
from intouch.outbox.parcel import Parcel
from intouch.outbox.rendering import Rendered

KIND = "letter.ready"


def test_send(letter: Letter, address: str, *, now: datetime) -> Draft:
    """The letter just as it is but for ``[Test]`` in its subject, under a key of its own: each test send goes out."""
    payload = {"subject": f"[Test] {letter.subject}", "html": letter.html, "text": letter.text, "headers": dict(letter.headers)}
    key = f"test-send:{secrets.token_hex(8)}"
    return Draft(key=key, kind=KIND, road=Road.EMAIL, lane=Lane.NOTICE, address=address, payload=payload, due_at=now, batch=key)


async def render(_session: AsyncSession, deliveries: Sequence[Parcel]) -> Mapping[int, Rendered]:
    """Kind ``letter.ready``: the payload is the letter itself."""
    return {delivery.id: Letter(**delivery.payload) for delivery in deliveries}
