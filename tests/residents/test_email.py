"""Email: nothing comes to an address before the owner of the mailbox said yes."""

import asyncio
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from intouch.errors import BadInput, Closed, NotAllowed, NotFound
from intouch.outbox.models import DeadAddress, Delivery, Road
from intouch.residents import email, signup, subscriptions
from intouch.residents.models import Channel, Resident, ResidentStatus, Subscription, Topic
from intouch.runtime import Runtime
from tests.residents import cast


async def test_the_digest_comes_only_after_the_address_is_confirmed(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        alice = await cast.alice(session, now=now)
        assert await email.ask_confirmation(session, alice, " Alice@Example.ORG ", links=runtime.links, now=now)
        assert (alice.email, alice.email_to_confirm) == (None, "alice@example.org")
        assert "digest/email" not in await cast.held(session, alice.id)
        (letter,) = await cast.letters(session, "alice@example.org")
        token = letter.payload["values"]["url"].rpartition("/")[2]
        assert runtime.links.read("confirm", token, now=now) == [alice.id, "alice@example.org"]
        await email.confirm(session, resident_id=alice.id, address="alice@example.org", now=now)
        assert (alice.email, alice.email_to_confirm) == ("alice@example.org", None)
        assert "digest/email" in await cast.held(session, alice.id)


async def test_confirming_twice_and_at_once_is_confirming_once(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        alice = await cast.alice(session, now=now)
        await email.ask_confirmation(session, alice, "alice@example.org", links=runtime.links, now=now)

    async def confirm() -> None:
        async with runtime.sessions.write() as session:
            await email.confirm(session, resident_id=alice.id, address="alice@example.org", now=now)

    await asyncio.gather(*(confirm() for _ in range(5)))
    async with runtime.sessions.read() as session:
        count = sa.select(sa.func.count()).select_from(Subscription).where(Subscription.topic == Topic.DIGEST)
        assert await session.scalar(count) == 1


async def test_an_old_link_does_not_bring_back_a_digest_that_was_ended_since(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        alice = await cast.alice(session, now=now)
        await cast.with_email(session, runtime, alice, "alice@example.org", now=now)
        await subscriptions.unsubscribe(session, alice.id, topic=Topic.DIGEST, reason="asked", now=now)
        await email.confirm(session, resident_id=alice.id, address="alice@example.org", now=now)
        assert "digest/email" not in await cast.held(session, alice.id)


async def test_the_confirmed_address_goes_on_until_the_new_one_is_confirmed(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        alice = await cast.alice(session, now=now)
        await cast.with_email(session, runtime, alice, "old@example.org", now=now)
        await email.ask_confirmation(session, alice, "new@example.org", links=runtime.links, now=now)
        assert alice.email == "old@example.org"
        await email.confirm(session, resident_id=alice.id, address="new@example.org", now=now)
        assert alice.email == "new@example.org"
        with pytest.raises(Closed, match="newest"):
            await email.confirm(session, resident_id=alice.id, address="old@example.org", now=now)


async def test_a_link_is_refused_after_another_address_was_given_or_the_person_stopped(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        alice = await cast.alice(session, now=now)
        await email.ask_confirmation(session, alice, "first@example.org", links=runtime.links, now=now)
        await email.ask_confirmation(session, alice, "second@example.org", links=runtime.links, now=now)
        with pytest.raises(Closed):
            await email.confirm(session, resident_id=alice.id, address="first@example.org", now=now)
        await signup.stop(session, alice, now=now)
        with pytest.raises(Closed):
            await email.confirm(session, resident_id=alice.id, address="second@example.org", now=now)
        with pytest.raises(NotFound):
            await email.confirm(session, resident_id=9999, address="second@example.org", now=now)


async def test_nobody_can_be_flooded_with_letters_even_by_many_or_after_an_erasure(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        for number in range(3):
            mallory = await cast.alice(session, now=now, telegram_id=500 + number, name="Mallory")
            await email.ask_confirmation(session, mallory, "victim@example.org", links=runtime.links, now=now)
        await session.execute(sa.update(Delivery).values(address="", owner=None, payload={}))
        another = await cast.alice(session, now=now, telegram_id=600, name="Mallory")
        with pytest.raises(NotAllowed, match="spam folder"):
            await email.ask_confirmation(session, another, "victim@example.org", links=runtime.links, now=now)
        assert another.email_to_confirm is None
        assert await email.ask_confirmation(session, another, "victim@example.org", links=runtime.links, now=now + timedelta(days=1))


async def test_one_resident_asks_for_three_letters_a_day(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        mallory = await cast.alice(session, now=now, name="Mallory")
        for number in range(3):
            await email.ask_confirmation(session, mallory, f"victim{number}@example.org", links=runtime.links, now=now)
        with pytest.raises(NotAllowed):
            await email.ask_confirmation(session, mallory, "victim4@example.org", links=runtime.links, now=now)
        await email.ask_confirmation(session, mallory, "victim4@example.org", links=runtime.links, now=now + timedelta(hours=25))


async def test_an_address_of_another_telegram_resident_moves_to_whoever_confirmed_last(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        alice = await cast.alice(session, now=now)
        await cast.with_email(session, runtime, alice, "home@example.org", now=now)
        bob = await cast.alice(session, now=now, telegram_id=cast.BOB, name="Bob")
        # The asker sees nothing of whose address it is.
        assert await email.ask_confirmation(session, bob, "home@example.org", links=runtime.links, now=now)
        assert alice.email == "home@example.org"
        await email.confirm(session, resident_id=bob.id, address="home@example.org", now=now)
        await session.refresh(alice)
        assert (alice.email, bob.email) == (None, "home@example.org")
        assert await cast.held(session, alice.id) == {"surveys/telegram"}
        ended = await session.scalar(
            sa.select(Subscription.ended_reason).where(Subscription.resident_id == alice.id, Subscription.channel == Channel.EMAIL)
        )
        assert ended == "address moved"


async def test_an_address_that_bounced_can_be_given_again(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        alice = await cast.alice(session, now=now)
        await cast.with_email(session, runtime, alice, "alice@example.org", now=now)
        session.add(DeadAddress(road=Road.EMAIL, address="alice@example.org", reason="550", died_at=now))
        await subscriptions.unsubscribe(session, alice.id, channel=Channel.EMAIL, reason="address gone", now=now)
        assert await email.ask_confirmation(session, alice, "alice@example.org", links=runtime.links, now=now)
        assert await session.get(DeadAddress, (Road.EMAIL, "alice@example.org"), populate_existing=True) is None
        await email.confirm(session, resident_id=alice.id, address="alice@example.org", now=now)
        assert "digest/email" in await cast.held(session, alice.id)


async def test_a_removed_address_is_forgotten(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        alice = await cast.alice(session, now=now)
        await cast.with_email(session, runtime, alice, "alice@example.org", now=now)
        await email.remove(session, alice, now=now)
        assert (alice.email, alice.status) == (None, ResidentStatus.ACTIVE)
        assert await cast.held(session, alice.id) == {"surveys/telegram"}


@pytest.mark.parametrize(
    "typed", ["", "alice", "alice@", "@example.org", "a b@example.org", "alice@example", "a@b.org" * 90, "<b>", "x\r\nBcc: y@example.org"]
)
def test_what_is_no_address_gets_a_sentence(typed: str) -> None:
    with pytest.raises(BadInput, match="doesn't look like an email address"):
        email.normalise(typed)


@pytest.mark.parametrize(
    "typed", ["😀@x.y", "😀@example.org", "a😀b@example.org", "a@x.y", "a@example.c", "a\u2028b@example.org", "a“b”@example.org", "@", "a@"]
)
def test_what_no_mail_server_delivers_to_gets_a_sentence(typed: str) -> None:
    with pytest.raises(BadInput, match="doesn't look like an email address"):
        email.normalise(typed)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Jörg@Example.org", "jörg@example.org"),
        ("οδυσσέας@example.gr", "οδυσσέας@example.gr"),
        ("राम@example.in", "राम@example.in"),
        ("用户@例え.jp", "用户@例え.jp"),
        ("o'brien+bins@example.co.uk", "o'brien+bins@example.co.uk"),
        ("a@example.xn--p1ai", "a@example.рф"),
    ],
)
def test_letters_of_every_alphabet_may_stand_in_an_address(typed: str, kept: str) -> None:
    assert email.normalise(typed) == kept


@given(st.text(max_size=400))
def test_any_text_is_an_address_or_gets_a_sentence(text: str) -> None:
    try:
        address = email.normalise(text)
    except BadInput:
        return
    assert "@" in address
    assert address == address.lower() == email.normalise(address)
    assert not set(address) & set(" \r\n<>")


async def test_two_residents_cannot_hold_one_confirmed_address(runtime: Runtime, now: datetime) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        async with runtime.sessions.write() as session:
            session.add_all(Resident(email="a@example.org", email_confirmed_at=now, created_at=now) for _ in range(2))
