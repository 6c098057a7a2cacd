"""What was sent and is not written down yet comes twice when the process is killed: that is one group, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.channels.smtp import SmtpChannel
from intouch.demo.mailbox import mailbox
from intouch.outbox.models import Road, State
from intouch.outbox.parcel import Parcel
from intouch.outbox.rendering import Encoded, Rendered
from intouch.outbox.settler import LARGEST_GROUP
from intouch.runtime import Runtime
from intouch.smtp_address import SmtpAddress
from tests.outbox.outboxes import draft, queue, states, worker
from tests.outbox.test_worker import running

CONNECTIONS = 4


async def _letters(_session: AsyncSession, deliveries: Sequence[Parcel]) -> Mapping[int, Rendered]:
    return {delivery.id: Encoded(b"Subject: Hello\r\n\r\nHello\r\n") for delivery in deliveries}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_sending_waits_while_nothing_can_be_written_down(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now, road=Road.EMAIL, kind="letter", address=f"r{number}@x.example") for number in range(740)))
    async with mailbox() as box:
        channel = SmtpChannel(SmtpAddress(f"{box.url}?connections={CONNECTIONS}"), email_from="news@council.example")
        one = worker(runtime, channel, road=Road.EMAIL, renderers={"letter": _letters})
        box.hang(0.05)
        async with running(one):
            async with asyncio.timeout(30):
                while State.QUEUED in await states(runtime):
                    await asyncio.sleep(0.01)
            box.hang(0)
            async with runtime.sessions.write():  # SQLite has one writer, and this is it
                written = (await states(runtime)).count(State.SENT)
                await asyncio.sleep(2)
                arrived = len(box.messages)
            assert arrived - written <= LARGEST_GROUP + CONNECTIONS
            async with asyncio.timeout(20):
                while set(await states(runtime)) != {State.SENT}:
                    await asyncio.sleep(0.05)
        assert len(box.messages) == 740
