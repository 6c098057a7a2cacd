"""A mailbox that takes nothing when we bring the email ourselves counts as when a report says so."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from intouch import sender
from intouch.bounces import stopping
from intouch.bounces.models import TroubledAddress
from intouch.clock import ShiftedClock
from intouch.outbox import enqueue, settling
from intouch.outbox.models import Delivery, Lane, Road, State
from intouch.outbox.presence import Presence
from intouch.outbox.worker import Worker
from intouch.post import Post
from intouch.runtime import Runtime
from tests.bounces import mailing
from tests.channels.scripted_smtp import ScriptedSmtp, serving
from tests.conftest import ON_ONE_DATABASE

FULL, GIVEN_UP = "452 4.2.2 The mailbox is full", timedelta(days=4, hours=1)
GREYLISTED, BUSY = "450 4.2.0 Greylisted", "452 4.3.1 Insufficient system storage"


def worker_to(runtime: Runtime, server: ScriptedSmtp) -> Worker:
    settings = runtime.settings.model_copy(update={"smtp_url": SecretStr(server.url)})
    return sender.build_worker(replace(runtime, settings=settings), Presence(settings.data_dir), email=Post(settings).channel)


async def queue_letter(runtime: Runtime, owner: int, key: str) -> None:
    draft = enqueue.Draft(
        key=key,
        kind="letter",
        road=Road.EMAIL,
        lane=Lane.NOTICE,
        address=mailing.ADDRESS,
        payload={"template": "confirm_email", "values": {"url": "https://council.example/x", "consent": ""}},
        owner=f"resident:{owner}",
        due_at=runtime.now(),
    )
    async with runtime.sessions.write() as session:
        await enqueue.enqueue(session, draft)


async def grow_old(runtime: Runtime, clock: ShiftedClock) -> None:
    """What waits has been tried for more than four days."""
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Delivery).where(Delivery.state == State.QUEUED).values(tries=settling.LEAST_TRIES))
    clock.set(clock.now() + GIVEN_UP)


async def scores(runtime: Runtime) -> list[int]:
    async with runtime.sessions.read() as session:
        return list(await session.scalars(sa.select(TroubledAddress.score)))


async def state_of(runtime: Runtime, key: str) -> State:
    async with runtime.sessions.read() as session:
        return (await session.scalars(sa.select(Delivery.state).where(Delivery.key == key))).one()


async def test_five_emails_given_up_before_a_full_mailbox_stop_the_address(runtime: Runtime, clock: ShiftedClock, now: datetime) -> None:
    alice = await mailing.sign_up(runtime)
    async with serving(ScriptedSmtp({"RCPT": [FULL] * 20})) as server:
        worker = worker_to(runtime, server)
        for number in range(1, 6):
            key = f"letter:{number}"
            await queue_letter(runtime, alice, key)
            await worker.send_due()
            assert (await state_of(runtime, key), await scores(runtime)) == (State.QUEUED, [number - 1] if number > 1 else [])
            await grow_old(runtime, clock)
            await worker.send_due()
            assert (await state_of(runtime, key), await scores(runtime)) == (State.FAILED, [number] if number < 5 else [])
            assert await mailing.is_dead(runtime) is (number == 5)
        await worker.stop(within=5)
    async with runtime.sessions.read() as session:
        (message,) = await mailing.told(session)
    assert mailing.ADDRESS in message.payload["text"]
    assert await mailing.gets(runtime, alice) == {"surveys/telegram"}


@pytest.mark.parametrize("reply", [GREYLISTED, BUSY])
async def test_what_is_not_about_the_mailbox_is_not_counted(runtime: Runtime, clock: ShiftedClock, reply: str) -> None:
    alice = await mailing.sign_up(runtime)
    async with serving(ScriptedSmtp({"RCPT": [reply] * 2})) as server:
        worker = worker_to(runtime, server)
        await queue_letter(runtime, alice, "letter:1")
        await worker.send_due()
        await grow_old(runtime, clock)
        await worker.send_due()
        await worker.stop(within=5)
    assert (await state_of(runtime, "letter:1"), await scores(runtime)) == (State.FAILED, [])


async def test_a_message_that_is_refused_for_a_full_mailbox_counts_at_once(runtime: Runtime) -> None:
    alice = await mailing.sign_up(runtime)
    async with serving(ScriptedSmtp({"final": ["552 5.2.2 over quota"]})) as server:
        worker = worker_to(runtime, server)
        await queue_letter(runtime, alice, "letter:1")
        await worker.send_due()
        await worker.stop(within=5)
    assert (await state_of(runtime, "letter:1"), await scores(runtime)) == (State.FAILED, [1])


@ON_ONE_DATABASE
async def test_an_address_that_ends_is_looked_up_by_indexes_however_many_residents_there_are(runtime: Runtime) -> None:
    """In the transaction that writes the outcomes of its neighbours: an edition with many such would wait for each."""
    await mailing.sign_up(runtime)
    asked: list[tuple[str, Any]] = []
    engine = runtime.sessions.engine
    sa.event.listen(engine.sync_engine, "before_cursor_execute", lambda *of: asked.append((of[2], of[3])))
    async with runtime.sessions.write() as session:
        assert await stopping.gone(session, mailing.ADDRESS, reason="550", templates=runtime.templates, now=runtime.now())
    looked = [(words, values) for words, values in asked if words.startswith(("SELECT", "UPDATE"))]
    async with engine.connect() as connection:
        plans = [str((await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {words}", values)).all()) for words, values in looked]
    assert any("SEARCH residents" in plan for plan in plans)
    assert not [plan for plan in plans if re.search("SCAN (residents|subscriptions|deliveries)", plan)]
