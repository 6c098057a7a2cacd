"""Reaching, preferences and the network: who can be written to, what they want, and how many there are."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from intouch.errors import NotFound
from intouch.outbox import enqueue
from intouch.outbox.models import DeadAddress, Delivery, Lane, Road, State
from intouch.residents import email, joining, network, preferences, reaching, signup, subscriptions
from intouch.residents.models import Channel, Resident, ResidentStatus, Subscription, Topic
from intouch.runtime import Runtime
from tests.residents import cast


async def test_who_blocks_the_bot_is_marked_once_and_is_back_after_writing_again(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        alice = await cast.alice(session, now=now)
        session.add(DeadAddress(road=Road.TELEGRAM, address=str(cast.ALICE), reason="403", died_at=now))
        await reaching.telegram_gone(session, cast.ALICE, now=now)
        await reaching.telegram_gone(session, cast.ALICE, now=now + timedelta(hours=1))
        await session.refresh(alice)
        assert alice.telegram_blocked_at == now
        await reaching.telegram_back(session, cast.ALICE, now=now)
        await session.refresh(alice)
        assert alice.telegram_blocked_at is None
        assert await session.scalar(sa.select(sa.func.count()).select_from(DeadAddress)) == 0
        assert await cast.held(session, alice.id) == {"surveys/telegram"}


async def test_a_mailbox_that_is_gone_ends_what_came_by_email_only(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        alice = await cast.alice(session, now=now)
        await cast.with_email(session, runtime, alice, "alice@example.org", now=now)
        for _ in range(2):
            await reaching.email_gone(session, "Alice@example.org", now=now)
        assert await cast.held(session, alice.id) == {"surveys/telegram"}
        ended = await session.scalar(sa.select(Subscription.ended_reason).where(Subscription.channel == Channel.EMAIL))
        assert ended == "address gone"


async def test_subscribing_twice_is_one_subscription_and_ending_keeps_its_history(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        alice = await cast.alice(session, now=now)
        for _ in range(2):
            await subscriptions.subscribe(session, alice.id, topic=Topic.SOUNDING_BOARD, channel=Channel.TELEGRAM, now=now)
        assert await subscriptions.has(session, alice.id, topic=Topic.SOUNDING_BOARD, channel=Channel.TELEGRAM)
        assert await subscriptions.unsubscribe(session, alice.id, topic=Topic.SOUNDING_BOARD, reason="asked", now=now) == 1
        assert await subscriptions.unsubscribe(session, alice.id, topic=Topic.SOUNDING_BOARD, reason="asked", now=now) == 0
        await subscriptions.subscribe(session, alice.id, topic=Topic.SOUNDING_BOARD, channel=Channel.TELEGRAM, now=now)
        rows = await session.scalars(sa.select(Subscription.ended_reason).where(Subscription.topic == Topic.SOUNDING_BOARD).order_by("id"))
        assert list(rows) == ["asked", None]


async def test_stopping_cancels_what_still_waits_in_the_outbox(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        alice = await cast.alice(session, now=now)
        draft = enqueue.Draft(
            key="invite:1:1", kind="message", road=Road.TELEGRAM, lane=Lane.BULK, address="1001", owner=f"resident:{alice.id}", due_at=now
        )
        await enqueue.enqueue(session, draft)
        await signup.stop(session, alice, now=now)
        assert await session.scalar(sa.select(Delivery.state)) is State.CANCELLED


async def _grace(runtime: Runtime, now: datetime) -> int:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        await joining.join_by_email(session, email="grace@example.org", postcode="SR6 0NB", wants_board=False, links=runtime.links, now=now)
        grace = (await session.scalars(sa.select(Resident))).one()
        await email.confirm(session, resident_id=grace.id, address="grace@example.org", now=now)
        return grace.id


async def test_preferences_change_exactly_what_comes_by_email(runtime: Runtime, now: datetime) -> None:
    grace = await _grace(runtime, now)
    async with runtime.sessions.write() as session:
        held = await preferences.preferences(session, grace)
        assert held.topics == {Topic.DIGEST, Topic.SURVEYS}
        assert (held.is_on_telegram, held.is_stopped, held.ward.name if held.ward else "") == (False, False, "Roker")
        for _ in range(2):
            await preferences.change_topics(session, grace, topics={Topic.SURVEYS, Topic.SOUNDING_BOARD}, now=now)
        assert await cast.held(session, grace) == {"surveys/email", "sounding_board/email"}
        assert await preferences.unsubscribe(session, grace, topic=Topic.SURVEYS, now=now) == 1
        assert await preferences.unsubscribe(session, grace, now=now) == 1
        assert await preferences.unsubscribe(session, grace, now=now) == 0
        ward = await preferences.change_ward(session, grace, postcode="sr52aa", on=now.date())
        assert ward.name == "Southwick"
        with pytest.raises(NotFound):
            await preferences.preferences(session, grace + 1)


async def test_who_stopped_is_back_with_the_first_topic_they_choose(runtime: Runtime, now: datetime) -> None:
    grace = await _grace(runtime, now)
    async with runtime.sessions.write() as session:
        resident = await session.get(Resident, grace)
        assert resident is not None
        await signup.stop(session, resident, now=now)
        await preferences.change_topics(session, grace, topics=set(), now=now)
        assert resident.status is ResidentStatus.STOPPED
        await preferences.change_topics(session, grace, topics={Topic.DIGEST}, now=now)
        assert resident.status is ResidentStatus.ACTIVE
        assert resident.consented_at == now


@given(st.integers(min_value=0, max_value=10_000), st.integers(min_value=1, max_value=50))
def test_a_shown_number_is_true_and_stands_for_as_many_as_may_not_be_told_apart(number: int, smallest: int) -> None:
    told = network.shown(number, smallest)
    alike = [other for other in range(max(0, number - smallest), number + smallest + 1) if network.shown(other, smallest) == told]
    assert (told or 0) <= number
    assert told == 0 if number == 0 else len(alike) >= smallest - (told is None)


async def test_the_network_counts_those_who_are_in_and_those_who_joined_since(runtime: Runtime, now: datetime) -> None:
    southwick, fulwell, _ = await cast.city(runtime)
    async with runtime.sessions.write() as session:
        await cast.alice(session, now=now - timedelta(days=30))
        bob = await cast.alice(session, now=now, telegram_id=cast.BOB, name="Bob")
        await signup.begin(session, telegram_id=5, first_name="Half", language="en", now=now)
        assert await network.size(session, southwick.id) == 2
        assert await network.growth(session, southwick.id, since=now - timedelta(days=7)) == 1
        assert await network.size(session, fulwell.id) == 0
        await signup.stop(session, bob, now=now)
        assert await network.size(session, southwick.id) == 1
