"""The database is lost while a batch is rendered: nobody's email fails because of that, and what follows an outcome is made up for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.app import build_runtime
from intouch.channels import outcomes
from intouch.outbox.models import Road, State
from intouch.outbox.parcel import Parcel
from intouch.outbox.rendering import Rendered
from intouch.outbox.settling import Follow
from intouch.runtime import Runtime
from intouch.settings import Settings
from intouch.templating import TelegramMessage
from tests.outbox.outboxes import RecordingChannel, draft, queue, rows, states, worker

_END = sa.text("SELECT pg_terminate_backend(pg_backend_pid(), 5000)")


@pytest.fixture
async def on_postgres(settings_of_a_council: Settings, postgres_url: str) -> AsyncIterator[Runtime]:
    runtime = build_runtime(settings_of_a_council.model_copy(update={"database_url": SecretStr(postgres_url)}))
    yield runtime
    await runtime.sessions.close()


class LosesItsConnection:
    """Renders, but the server ends the connection under it for the first ``losses`` times."""

    def __init__(self, losses: int) -> None:
        self.losses = losses

    async def __call__(self, session: AsyncSession, deliveries: Sequence[Parcel]) -> Mapping[int, Rendered]:
        if self.losses:
            self.losses -= 1
            await session.execute(_END)
        return {delivery.id: TelegramMessage("Hello") for delivery in deliveries}


@pytest.mark.parametrize(("deliveries", "losses"), [(1, 1), (5, 3)])
async def test_who_is_rendered_on_a_lost_connection_does_not_fail(
    on_postgres: Runtime, now: datetime, deliveries: int, losses: int
) -> None:
    await queue(on_postgres, *(draft(number, now, kind="fragile") for number in range(deliveries)))
    channel = RecordingChannel()
    for _ in range(losses + 1):
        await worker(on_postgres, channel, renderers={"fragile": LosesItsConnection(losses)}).send_due()
        losses -= 1
        assert State.FAILED not in await states(on_postgres)
    assert sorted(channel.sent, key=int) == [str(number) for number in range(deliveries)]
    assert {(row.state, row.tries) for row in await rows(on_postgres)} == {(State.SENT, 1)}


async def test_who_loses_an_address_is_told_although_the_connection_was_lost_in_telling(on_postgres: Runtime, now: datetime) -> None:
    told: list[str] = []

    async def tell(session: AsyncSession, _road: Road, address: str, _reason: str, _now: datetime) -> None:
        told.append(address)
        if len(told) < 3:
            await session.execute(_END)

    await queue(on_postgres, draft(7, now))
    channel = RecordingChannel(lambda _envelope: outcomes.dead("blocked"))
    await worker(on_postgres, channel, follow=Follow(tell)).send_due()
    assert await states(on_postgres) == [State.FAILED]
    assert told == ["7"] * 3


class WaitsTooLong:
    """Renders, but for the first ``failures`` times the server ends its statement after a moment, as its administrators set it up."""

    def __init__(self, limit: str, statement: str, failures: int) -> None:
        self.limit, self.statement, self.failures = limit, statement, failures

    async def __call__(self, session: AsyncSession, deliveries: Sequence[Parcel]) -> Mapping[int, Rendered]:
        if self.failures:
            self.failures -= 1
            await session.execute(sa.text(f"SET LOCAL {self.limit} = '20ms'"))
            await session.execute(sa.text(self.statement))
        return {delivery.id: TelegramMessage("Hello") for delivery in deliveries}


@pytest.mark.parametrize("deliveries", [1, 5])
async def test_nobody_fails_while_somebody_rebuilds_a_table(on_postgres: Runtime, now: datetime, deliveries: int) -> None:
    await queue(on_postgres, *(draft(number, now, kind="fragile") for number in range(deliveries)))
    channel = RecordingChannel()
    renderers = {"fragile": WaitsTooLong("lock_timeout", "SELECT 1 FROM residents", 2 * deliveries)}
    async with on_postgres.sessions.read() as session:
        await session.execute(sa.text("LOCK TABLE residents"))
        await worker(on_postgres, channel, renderers=renderers).send_due()
        assert await states(on_postgres) == [State.QUEUED] * deliveries
    await worker(on_postgres, channel).send_due()
    assert await states(on_postgres) == [State.FAILED] * deliveries  # nobody renders it here: that is certain, and fails
    assert channel.sent == []


async def test_a_statement_that_took_too_long_is_tried_again_later(on_postgres: Runtime) -> None:
    now = on_postgres.now()
    await queue(on_postgres, draft(1, now, kind="fragile"))
    renderers = {"fragile": WaitsTooLong("statement_timeout", "SELECT pg_sleep(1)", 1)}
    await worker(on_postgres, RecordingChannel(), renderers=renderers).send_due()
    (row,) = await rows(on_postgres)
    assert (row.state, row.tries) == (State.QUEUED, 1)
    assert row.due_at > now
