"""What each outcome makes of a delivery, and what becomes of those whose process died."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.channels import outcomes
from intouch.channels.outcomes import Outcome
from intouch.outbox import addresses, erasing, settling, sweeping
from intouch.outbox.beginning import Beginnings
from intouch.outbox.models import Delivery, Road, State
from intouch.outbox.settling import Follow, Rules, Settled
from intouch.runtime import Runtime
from tests.outbox.outboxes import draft, queue, rows
from tests.outbox.test_claiming import LEASE, claim, claim_of

EMAIL: dict[str, Any] = {"road": Road.EMAIL, "kind": "letter"}


async def attempt(runtime: Runtime, now: datetime, outcome: Outcome, *, rules: Rules | None = None, **changes: Any) -> Delivery:
    """Queue, claim and settle one delivery; its row afterwards."""
    await queue(runtime, draft(1, now, **changes))
    road = changes.get("road", Road.TELEGRAM)
    (delivery,) = (await claim(runtime, claim_of(road=road), now)).deliveries
    await settle(runtime, [Settled(delivery, outcome)], now, rules=rules)
    return (await rows(runtime))[0]


async def settle(runtime: Runtime, group: list[Settled], now: datetime, *, rules: Rules | None = None) -> int:
    async with runtime.sessions.write() as session:
        return await settling.settle(session, group, rules or Rules("me"), now=now)


@pytest.mark.parametrize(
    ("outcome", "changes", "state"),
    [
        (outcomes.sent("77"), {}, State.SENT),
        (outcomes.failed("400"), {}, State.FAILED),
        (outcomes.dead("403"), {}, State.FAILED),
        (outcomes.unwanted("closed"), {}, State.CANCELLED),
        (outcomes.unknown("no answer"), {}, State.UNKNOWN),
        (outcomes.unknown("no answer"), EMAIL, State.QUEUED),
        (outcomes.retry("429"), {}, State.QUEUED),
        (outcomes.not_tried("down"), {}, State.QUEUED),
    ],
)
async def test_each_outcome_has_its_state(runtime: Runtime, now: datetime, outcome: Outcome, changes: dict[str, Any], state: State) -> None:
    row = await attempt(runtime, now, outcome, **changes)
    assert row.state is state
    assert (row.leased_by, row.lease_until) == (None, None)
    assert row.settled_at == (None if state is State.QUEUED else now)
    assert row.provider_id == (outcome.provider_id or None)
    assert row.error == (outcome.error or None)


async def test_what_is_no_letter_in_the_words_of_a_provider_does_not_keep_the_outcome_from_being_written(
    runtime: Runtime, now: datetime
) -> None:
    """Half a pair of surrogates in a description comes out of JSON as it is, and no database takes it."""
    row = await attempt(runtime, now, outcomes.dead("Forbidden: \ud83d\x00 blocked"))
    assert (row.state, row.error) == (State.FAILED, "Forbidden: ? blocked")


async def test_a_retry_waits_as_long_as_was_asked_or_longer_each_time(runtime: Runtime, now: datetime) -> None:
    row = await attempt(runtime, now, outcomes.retry("429", after=30))
    assert timedelta(seconds=30) <= row.due_at - now <= timedelta(seconds=33)


async def test_what_was_not_tried_keeps_its_place_and_its_tries(runtime: Runtime, now: datetime) -> None:
    row = await attempt(runtime, now, outcomes.not_tried("the mail server is down", after=1))
    assert (row.due_at, row.tries) == (now, 0)


async def test_after_four_days_a_retry_is_given_up(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now))
    for later, state in ((now, State.QUEUED), (now + timedelta(days=4, seconds=1), State.FAILED)):
        async with runtime.sessions.write() as session:
            await session.execute(sa.update(Delivery).values(tries=settling.LEAST_TRIES, due_at=now))
        (delivery,) = (await claim(runtime, claim_of(), later)).deliveries
        await settle(runtime, [Settled(delivery, outcomes.retry("450"))], later)
        assert (await rows(runtime))[0].state is state


async def test_what_was_paused_or_held_for_days_meets_a_greylist_like_everybody(runtime: Runtime, now: datetime) -> None:
    """A mail server that greylists puts off each first try; after a pause of four days that was the only one."""
    await queue(runtime, draft(1, now))
    later = now + timedelta(days=5)
    tried = timedelta()
    for _ in range(settling.LEAST_TRIES - 1):
        (delivery,) = (await claim(runtime, claim_of(), later + tried)).deliveries
        await settle(runtime, [Settled(delivery, outcomes.retry("451 greylisted"))], later + tried)
        row = (await rows(runtime))[0]
        assert row.state is State.QUEUED
        tried = row.due_at - later
    assert tried > timedelta(hours=2)


async def test_an_email_whose_end_nobody_saw_goes_out_again_but_not_for_ever(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now, **EMAIL))
    seen = []
    for day in range(4):
        moment = now + timedelta(hours=2 * day)
        (delivery,) = (await claim(runtime, claim_of(road=Road.EMAIL), moment)).deliveries
        await settle(runtime, [Settled(delivery, outcomes.unknown("lost after the dot"))], moment)
        seen.append((await rows(runtime))[0].state)
    assert seen == [State.QUEUED] * 3 + [State.UNKNOWN]


async def test_a_kind_that_may_be_repeated_is_repeated_on_telegram_too(runtime: Runtime, now: datetime) -> None:
    row = await attempt(runtime, now, outcomes.unknown("no answer"), rules=Rules("me", harmless={"message"}))
    assert row.state is State.QUEUED


async def test_only_the_holder_may_settle(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now))
    (delivery,) = (await claim(runtime, claim_of("other"), now)).deliveries
    assert await settle(runtime, [Settled(delivery, outcomes.sent("1"))], now) == 0
    assert (await rows(runtime))[0].state is State.SENDING


async def test_a_dead_address_is_buried_once_and_its_owner_told(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now), draft(2, now, address="1"))
    deliveries = (await claim(runtime, claim_of(), now)).deliveries
    told: list[tuple[Road, str, str]] = []

    async def on_dead(_session: AsyncSession, road: Road, address: str, reason: str, _now: datetime) -> None:
        told.append((road, address, reason))

    async with runtime.sessions.write() as session:
        group = [Settled(delivery, outcomes.dead("Forbidden: bot was blocked by the user")) for delivery in deliveries]
        await settling.settle(session, group, Rules("me"), now=now, follow=Follow(on_dead))
        assert await addresses.is_dead(session, Road.TELEGRAM, "1")
    assert told == [(Road.TELEGRAM, "1", "Forbidden: bot was blocked by the user")]


async def test_a_chat_that_moved_is_remembered(runtime: Runtime, now: datetime) -> None:
    assert (await attempt(runtime, now, outcomes.sent("5", moved_to="-1009"))).address == "-1009"


async def test_whoever_is_erased_while_a_message_is_under_way_stays_erased(runtime: Runtime, now: datetime) -> None:
    for number, outcome in enumerate((outcomes.sent("5"), outcomes.dead("403"), outcomes.retry("x", after=0))):
        key = f"e:{number}"
        await queue(runtime, draft(9, now, key=key))
        (delivery,) = (await claim(runtime, claim_of(), now)).deliveries
        async with runtime.sessions.write() as session:
            await erasing.forget(session, owner="resident:9", now=now)
        await settle(runtime, [Settled(delivery, outcome)], now)
        row = (await rows(runtime))[-1]
        assert (row.address, row.payload, row.provider_id, row.error) == ("", {}, None, None)
        async with runtime.sessions.read() as session:
            assert not await addresses.is_dead(session, Road.TELEGRAM, "9")
    assert (await claim(runtime, claim_of(), now + timedelta(hours=1))).cancelled == 1


async def test_forgetting_blanks_everything_of_one_owner_and_cancels_what_waits(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now), draft(2, now), draft(3, now + timedelta(hours=1), owner="resident:1"))
    deliveries = (await claim(runtime, claim_of(), now)).deliveries
    await settle(runtime, [Settled(delivery, outcomes.sent("77")) for delivery in deliveries], now)
    async with runtime.sessions.write() as session:
        await addresses.mark_dead(session, Road.TELEGRAM, "1", reason="x", now=now)
        assert await erasing.forget(session, owner="resident:1", now=now) == 2
        assert not await addresses.is_dead(session, Road.TELEGRAM, "1")
    first, second, third = await rows(runtime)
    assert [(row.state, row.address, row.payload, row.provider_id) for row in (first, third)] == [
        (State.SENT, "", {}, None),
        (State.CANCELLED, "", {}, None),
    ]
    assert (second.address, second.provider_id) == ("2", "77")


async def test_an_unsubscription_reaches_what_is_queued_already(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now), draft(2, now, owner="resident:1", batch="edition:7"))
    async with runtime.sessions.write() as session:
        assert await erasing.cancel(session, owner="resident:1", batch="edition:7", reason="unsubscribed", now=now) == 1
    assert [row.state for row in await rows(runtime)] == [State.QUEUED, State.CANCELLED]


async def test_what_a_dead_process_left_is_swept_when_its_lease_has_run_out(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now), draft(2, now, **EMAIL), draft(3, now, kind="harmless"), draft(4, now))
    await claim(runtime, claim_of(), now)
    await claim(runtime, claim_of(road=Road.EMAIL), now)
    begin = Beginnings(runtime.sessions, runtime.clock, claim_of().holder).begin
    assert await asyncio.gather(begin(1), begin(3), begin(99)) == [True, True, False]
    assert not await Beginnings(runtime.sessions, runtime.clock, "somebody else").begin(4)
    for moment, expected in ((now + LEASE - timedelta(seconds=1), sweeping.Swept()), (now + LEASE, sweeping.Swept(3, 1))):
        async with runtime.sessions.read() as session:
            assert await sweeping.is_anything_lost(session, now=moment) is (expected != sweeping.Swept())
        async with runtime.sessions.write() as session:
            assert await sweeping.sweep(session, now=moment, harmless={"harmless"}) == expected
    telegram, email, harmless, waiting = await rows(runtime)
    assert (telegram.state, email.state, harmless.state, waiting.state) == (State.UNKNOWN, State.QUEUED, State.QUEUED, State.QUEUED)
    assert email.unseen == 1
    assert telegram.error is not None and "may have arrived" in telegram.error


async def test_a_new_claim_has_not_begun(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now))
    await claim(runtime, claim_of(), now)
    assert await Beginnings(runtime.sessions, runtime.clock, claim_of().holder).begin(1)
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Delivery).values(state=State.QUEUED, leased_by=None))
    await claim(runtime, claim_of(), now)
    async with runtime.sessions.write() as session:
        assert await sweeping.sweep(session, now=now + LEASE) == sweeping.Swept(1, 0)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_process_that_froze_while_it_wrote_keeps_nobody_from_what_the_dead_had(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now), draft(2, now))
    await claim(runtime, claim_of(), now)
    async with runtime.sessions.read() as frozen:
        await frozen.execute(sa.select(Delivery.id).where(Delivery.address == "1").with_for_update())
        async with asyncio.timeout(10), runtime.sessions.write() as session:
            assert await sweeping.sweep(session, now=now + LEASE) == sweeping.Swept(1, 0)
    assert [row.state for row in await rows(runtime)] == [State.SENDING, State.QUEUED]


@pytest.mark.parametrize(("road", "more", "said"), [(Road.EMAIL, EMAIL, "may have arrived"), (Road.TELEGRAM, {}, "has not arrived")])
async def test_what_takes_its_process_down_every_time_is_left_for_somebody_to_look_at(
    runtime: Runtime, now: datetime, road: Road, more: dict[str, Any], said: str
) -> None:
    await queue(runtime, draft(1, now, **more))
    for turn in range(sweeping.MOST_DEATHS + 1):
        moment = now + turn * timedelta(minutes=1)
        assert (await claim(runtime, claim_of(road=road), moment)).deliveries
        async with runtime.sessions.write() as session:
            await sweeping.sweep(session, now=moment + LEASE)
    row = (await rows(runtime))[0]
    assert row.state is State.UNKNOWN
    assert said in (row.error or "")


@given(tries=st.integers(1, 10_000))
def test_pauses_grow_to_an_hour_and_are_spread(tries: int) -> None:
    longest = min(settling.LONGEST_PAUSE, settling.FIRST_PAUSE * 2 ** min(tries - 1, 50))
    assert timedelta(seconds=longest / 2) <= settling.pause(tries) <= timedelta(seconds=longest)
