"""PostgreSQL's tables are away for a moment, or their rights, as while somebody restores them: no outcome is lost and nobody fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.channels.outcomes import Envelope, Heard
from intouch.outbox.models import State
from intouch.outbox.parcel import Parcel
from intouch.outbox.rendering import Rendered
from intouch.runtime import Runtime
from intouch.storage import troubles
from intouch.storage.sessions import Sessions, open_engine
from intouch.templating import TelegramMessage
from tests.outbox.outboxes import RecordingChannel, draft, queue, states, until, worker
from tests.outbox.test_worker import running

pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


@asynccontextmanager
async def away(runtime: Runtime, table: str) -> AsyncIterator[None]:
    await _execute(runtime, f"ALTER TABLE {table} RENAME TO elsewhere")
    yield
    await _execute(runtime, f"ALTER TABLE elsewhere RENAME TO {table}")


async def _execute(runtime: Runtime, statement: str) -> None:
    async with runtime.sessions.write() as session:
        await session.execute(sa.text(statement))


class WaitsToBeHeard(RecordingChannel):
    """Has sent the whole batch before anybody hears of it."""

    def __init__(self) -> None:
        super().__init__()
        self.has_sent, self.may_tell = asyncio.Event(), asyncio.Event()

    async def send_batch(self, envelopes: Sequence[Envelope], heard: Heard) -> None:
        self.has_sent.set()
        await self.may_tell.wait()
        await super().send_batch(envelopes, heard)


async def test_outcomes_wait_until_the_table_is_back(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now) for number in range(5)))
    channel = WaitsToBeHeard()
    one = worker(runtime, channel)
    async with running(one):
        await channel.has_sent.wait()
        async with away(runtime, "deliveries"):
            channel.may_tell.set()
            await until(lambda: len(channel.sent) == 5)
            await asyncio.sleep(0.5)  # long enough to write them, or to give them up
        async with asyncio.timeout(10):
            while set(await states(runtime)) != {State.SENT}:
                await asyncio.sleep(0.02)
    assert len(channel.sent) == 5


async def _asks_a_resident(session: AsyncSession, deliveries: Sequence[Parcel]) -> Mapping[int, Rendered]:
    await session.execute(sa.text("SELECT 1 FROM residents"))
    return {delivery.id: TelegramMessage("Hello") for delivery in deliveries}


async def test_nobody_fails_because_a_table_is_away(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now, kind="fragile") for number in range(5)))
    channel = RecordingChannel()
    async with away(runtime, "residents"):
        await worker(runtime, channel, renderers={"fragile": _asks_a_resident}).send_due()
        assert await states(runtime) == [State.QUEUED] * 5
    await worker(runtime, channel, renderers={"fragile": _asks_a_resident}).send_due()
    assert await states(runtime) == [State.SENT] * 5


async def test_rights_that_were_taken_away_may_come_back(runtime: Runtime) -> None:
    role = f"reader_{sa.make_url(runtime.settings.database).database}"
    await _execute(runtime, f"CREATE ROLE {role} LOGIN")
    sessions = Sessions(open_engine(sa.make_url(runtime.settings.database).set(username=role).render_as_string(hide_password=False)))
    with pytest.raises(sa.exc.ProgrammingError) as refused:
        async with sessions.read() as session:
            await session.execute(sa.text("SELECT 1 FROM deliveries"))
    await sessions.close()
    await _execute(runtime, f"DROP ROLE {role}")
    assert troubles.will_pass(refused.value)
