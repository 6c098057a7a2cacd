"""Erasure: afterwards nothing anywhere says who they were or what they wrote, and the counts are as before."""

import asyncio
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council import people
from intouch.issues.models import IssuePhoto, IssueReport
from intouch.outbox import enqueue
from intouch.outbox.models import DeadAddress, Delivery, Lane, Road, State
from intouch.privacy import erasure
from intouch.residents import housekeeping, signup
from intouch.residents.models import Resident, ResidentStatus
from intouch.runtime import Runtime
from intouch.storage.columns import Base
from intouch.surveys.models import Answer, Invitation, Response
from tests.privacy import world
from tests.residents import cast

TRACES = (str(world.TELEGRAM_ID), world.NAME, world.EMAIL, world.ANSWER, world.REPORT, world.PLACE, world.NOTE)
# Every postcode of the city stands in this table, whoever lives there.
PUBLIC = {"postcodes"}


async def _traces(session: AsyncSession) -> set[str]:
    """Where, in any table, a value holds something of the person."""
    found = set()
    for table in Base.metadata.sorted_tables:
        wanted = TRACES if table.name in PUBLIC else (*TRACES, world.POSTCODE)
        for row in (await session.execute(sa.select(table))).mappings():
            found |= {f"{table.name}.{column}" for column, value in row.items() if _holds(value, wanted)}
    return found


def _holds(value: Any, wanted: tuple[str, ...]) -> bool:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return any(one.lower() in text.lower() for one in wanted)


async def _counts(session: AsyncSession) -> list[Any]:
    tables = (Response, Invitation, Answer, IssueReport)
    totals = [await session.scalar(sa.select(sa.func.count()).select_from(table)) for table in tables]
    choices = await session.execute(sa.select(Answer.question_id, Answer.kind, Answer.choice).order_by(Answer.id))
    facts = await session.execute(sa.select(IssueReport.reference, IssueReport.category, IssueReport.status, IssueReport.ward_id))
    return [totals, choices.all(), facts.all()]


async def test_after_an_erasure_no_table_holds_anything_of_the_person(runtime: Runtime, now: datetime) -> None:
    resident_id = await world.aloysia(runtime, now)
    async with runtime.sessions.read() as session:
        before, counted = await _traces(session), await _counts(session)
    assert {"residents.email", "answers.words", "issue_photos.jpeg", "deliveries.payload", "dialogues.telegram_id"} <= before
    async with runtime.sessions.write() as session:
        assert await erasure.erase(session, resident_id, now=now)
    async with runtime.sessions.read() as session:
        assert await _traces(session) == set()
        assert await _counts(session) == counted
        assert await session.scalar(sa.select(sa.func.count()).select_from(IssuePhoto)) == 0
        owned = [
            table
            for table in (Response, Invitation, IssueReport)
            if await session.scalar(sa.select(table.id).where(table.resident_id.is_not(None)))
        ]
        assert owned == []
        places = (await session.execute(sa.select(IssueReport.longitude, IssueReport.latitude))).one()
        assert tuple(places) == (None, None)


async def test_the_keys_of_what_was_sent_stay_and_what_waits_never_leaves(runtime: Runtime, now: datetime) -> None:
    resident_id = await world.aloysia(runtime, now)
    async with runtime.sessions.write() as session:
        await erasure.erase(session, resident_id, now=now)
    async with runtime.sessions.read() as session:
        rows = (await session.scalars(sa.select(Delivery))).all()
        assert {"outcome:1:1", "reply:7:0"} <= {row.key for row in rows}
        assert {row.state for row in rows} == {State.CANCELLED}


async def test_erasing_twice_or_at_once_is_harmless(runtime: Runtime, now: datetime) -> None:
    resident_id = await world.aloysia(runtime, now)

    async def erase() -> bool:
        async with runtime.sessions.write() as session:
            return await erasure.erase(session, resident_id, now=now)

    assert sorted(await asyncio.gather(*(erase() for _ in range(4)))) == [False, False, False, True]
    assert await erase() is False


async def test_nobody_else_loses_anything(runtime: Runtime, now: datetime) -> None:
    resident_id = await world.aloysia(runtime, now)
    async with runtime.sessions.write() as session:
        bob = await cast.alice(session, now=now, telegram_id=cast.BOB, name="Bob")
        await cast.with_email(session, runtime, bob, "bob@example.org", now=now)
        await erasure.erase(session, resident_id, now=now)
    async with runtime.sessions.read() as session:
        assert await cast.held(session, bob.id) == {"surveys/telegram", "digest/email"}
        (letter,) = await cast.letters(session, "bob@example.org")
        assert letter.state is State.QUEUED


async def test_who_comes_back_after_an_erasure_is_somebody_new(runtime: Runtime, now: datetime) -> None:
    resident_id = await world.aloysia(runtime, now)
    async with runtime.sessions.write() as session:
        await erasure.erase(session, resident_id, now=now)
        again = await signup.begin(session, telegram_id=world.TELEGRAM_ID, first_name=world.NAME, language="en", now=now)
        assert again.id != resident_id
        assert signup.next_step(again) is signup.Step.CONSENT
        erased = await session.get(Resident, resident_id)
        assert erased is not None and erased.status is ResidentStatus.ERASED


async def test_erasing_nobody_says_so(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        assert await erasure.erase(session, 12345, now=now) is False


async def _reply(session: AsyncSession, now: datetime, number: int, chat: int, state: State) -> None:
    """A reply that could not be sent at once, and how it stands now."""
    common = {"kind": "message", "road": Road.TELEGRAM, "lane": Lane.REPLY, "payload": {"text": "All is deleted."}, "due_at": now}
    await enqueue.enqueue(session, enqueue.Draft(key=f"reply:{number}:0", address=str(chat), **common))
    await session.execute(sa.update(Delivery).where(Delivery.key == f"reply:{number}:0").values(state=state))


async def test_a_late_reply_to_somebody_who_is_erased_arrives_and_is_forgotten(runtime: Runtime, now: datetime) -> None:
    resident_id = await world.aloysia(runtime, now)
    async with runtime.sessions.write() as session:
        await erasure.erase(session, resident_id, now=now)
        await _reply(session, now, 20, world.TELEGRAM_ID, State.QUEUED)
        await housekeeping.forget_drafts(session, now=now)
        assert await _traces(session) == {"deliveries.address"}
        for number, state in enumerate((State.SENT, State.FAILED, State.UNKNOWN, State.CANCELLED), start=21):
            await _reply(session, now, number, world.TELEGRAM_ID, state)
        await session.execute(sa.update(Delivery).where(Delivery.key == "reply:20:0").values(state=State.SENT, settled_at=now))
        session.add(DeadAddress(road=Road.TELEGRAM, address=str(world.TELEGRAM_ID), reason="403", died_at=now))
    for _ in range(2):
        async with runtime.sessions.write() as session:
            await housekeeping.forget_drafts(session, now=now)
            assert await _traces(session) == set()
            assert {one.payload.get("text") for one in await session.scalars(sa.select(Delivery))} == {None}
            assert await session.scalar(sa.select(sa.func.count()).select_from(DeadAddress)) == 0


async def test_late_replies_to_who_is_here_stay_theirs(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        await cast.alice(session, now=now)
        olive = await people.add_officer(session, name="Olive", email="olive@council.example", now=now)
        olive.telegram_id = 500
        for number, chat in enumerate((cast.ALICE, 500)):
            await _reply(session, now, number, chat, State.SENT)
            session.add(DeadAddress(road=Road.TELEGRAM, address=str(chat), reason="403", died_at=now))
        await session.flush()
        await housekeeping.forget_drafts(session, now=now)
        assert {one.address for one in await session.scalars(sa.select(Delivery))} == {str(cast.ALICE), "500"}
        assert await session.scalar(sa.select(sa.func.count()).select_from(DeadAddress)) == 2
