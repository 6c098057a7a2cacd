"""One click reaches what is queued already: the digest that waits does not go out any more."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from intouch import sender
from intouch.digest import recipients
from intouch.digest.models import Audience, Edition, EditionStatus
from intouch.outbox.models import Delivery, State
from intouch.outbox.presence import Presence
from intouch.places.models import Ward
from intouch.post import Post
from intouch.residents import deliveries, moving, subscriptions
from intouch.residents.models import Channel, Resident, ResidentStatus, Subscription, Topic, WardSource
from intouch.runtime import Runtime
from tests.channels.scripted_smtp import ScriptedSmtp, serving
from tests.digest import cases
from tests.places import squares


async def _bob(site: Runtime, ward_id: int, now: datetime) -> None:
    async with site.sessions.write() as session:
        bob = Resident(status=ResidentStatus.ACTIVE, email="bob@example.org", email_confirmed_at=now, ward_id=ward_id, created_at=now)
        session.add(bob)
        await session.flush()
        session.add(Subscription(resident_id=bob.id, topic=Topic.DIGEST, channel=Channel.EMAIL, started_at=now))


async def _edition(site: Runtime, ward_id: int, now: datetime) -> int:
    async with site.sessions.write() as session:
        edition = Edition(
            audience=Audience.DIGEST,
            ward_id=ward_id,
            period="2026-W47",
            status=EditionStatus.PUBLISHED,
            due_at=now,
            contents=cases.ORDINARY,
            told_until=now,
            created_at=now,
            published_at=now,
        )
        session.add(edition)
        await session.flush()
        return await recipients.enqueue(session, Audience.DIGEST, edition.id, "2026-W47", ward_id=ward_id, now=now)


async def test_a_digest_that_waits_is_not_sent_to_who_unsubscribed_since(
    client: httpx.AsyncClient, site: Runtime, grace: int, wards: tuple[int, int], now: datetime
) -> None:
    await _bob(site, wards[0], now)
    assert await _edition(site, wards[0], now) == 2
    token = site.links.token("unsubscribe", grace, "digest")
    assert (await client.post(f"/unsubscribe/{token}", data={"List-Unsubscribe": "One-Click"})).status_code == 200
    async with serving(ScriptedSmtp()) as server:
        settings = site.settings.model_copy(update={"smtp_url": SecretStr(server.url)})
        worker = sender.build_worker(replace(site, settings=settings), Presence(settings.data_dir), email=Post(settings).channel)
        await worker.send_due()
        await worker.stop(within=5)
    assert [recipient for recipient, _ in server.taken] == ["bob@example.org"]
    async with site.sessions.read() as session:
        (left,) = await session.scalars(sa.select(Delivery).where(Delivery.state == State.CANCELLED))
    assert (left.address, left.error) == ("grace@example.org", "no longer subscribed at this address")


async def test_a_letter_that_asks_for_the_ward_and_waits_is_not_sent_to_who_ended_everything_since(
    client: httpx.AsyncClient, site: Runtime, grace: int, wards: tuple[int, int], now: datetime
) -> None:
    await _bob(site, wards[0], now)
    async with site.sessions.write() as session:
        await session.execute(sa.update(Ward).where(Ward.id == wards[0]).values(valid_to=now.date()))
        session.add(squares.ward("E05000002", "West", -2.0, since=now.date()))
        await session.execute(sa.update(Resident).values(ward_source=WardSource.CHOSEN))
        await moving.move_to_new_wards(session, on=now.date(), now=now, templates=site.templates, links=site.links)
        assert set(await session.scalars(sa.select(Delivery.address))) == {"grace@example.org", "bob@example.org"}
    for topic in ("digest", "surveys"):
        token = site.links.token("unsubscribe", grace, topic)
        assert (await client.post(f"/unsubscribe/{token}", data={"List-Unsubscribe": "One-Click"})).status_code == 200
    async with serving(ScriptedSmtp()) as server:
        settings = site.settings.model_copy(update={"smtp_url": SecretStr(server.url)})
        worker = sender.build_worker(replace(site, settings=settings), Presence(settings.data_dir), email=Post(settings).channel)
        await worker.send_due()
        await worker.stop(within=5)
    assert [recipient for recipient, _ in server.taken] == ["bob@example.org"]


async def test_who_ended_something_since_is_known_by_what_waits_for_them(site: Runtime, grace: int, now: datetime) -> None:
    owners = [deliveries.owner_of(grace), "councillor:1"]
    async with site.sessions.write() as session:
        assert await deliveries.who_left(session, owners, now) == set()
        later = now + timedelta(minutes=1)
        await subscriptions.unsubscribe(session, grace, topic=Topic.DIGEST, reason="unsubscribed", now=later)
        assert await deliveries.who_left(session, owners, now) == {deliveries.owner_of(grace)}
        assert await deliveries.who_left(session, owners, later + timedelta(seconds=1)) == set()
        assert await deliveries.who_left(session, ["councillor:1"], now) == set()


@pytest.mark.slow
async def test_a_digest_that_was_claimed_and_waits_for_its_place_is_not_sent_to_who_unsubscribed_since(
    client: httpx.AsyncClient, site: Runtime, grace: int, wards: tuple[int, int], now: datetime
) -> None:
    await _bob(site, wards[0], now)
    await _edition(site, wards[0], now)
    async with serving(ScriptedSmtp()) as server:
        settings = site.settings.model_copy(update={"smtp_url": SecretStr(f"{server.url}&rate=0.1")})  # the second waits ten seconds
        worker = sender.build_worker(replace(site, settings=settings), Presence(settings.data_dir), email=Post(settings).channel)
        running = asyncio.create_task(worker.run())
        async with asyncio.timeout(20):
            while not server.taken:
                await asyncio.sleep(0.05)
        ((first, _),) = server.taken
        bob = await _number_of(site, "bob@example.org")
        token = site.links.token("unsubscribe", grace if first.startswith("bob") else bob, "digest")
        assert (await client.post(f"/unsubscribe/{token}", data={"List-Unsubscribe": "One-Click"})).status_code == 200
        async with asyncio.timeout(30):
            while await _states(site) != {State.SENT, State.CANCELLED}:
                await asyncio.sleep(0.1)
        await worker.stop(within=5)
        await running
    assert len(server.taken) == 1


async def _number_of(site: Runtime, address: str) -> int:
    async with site.sessions.read() as session:
        return (await session.scalars(sa.select(Resident.id).where(Resident.email == address))).one()


async def _states(site: Runtime) -> set[State]:
    async with site.sessions.read() as session:
        return set(await session.scalars(sa.select(Delivery.state)))
