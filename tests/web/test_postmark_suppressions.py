"""Postmark's own list of whom it sends nothing to: what its readers did there, over HTTP to the real server."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from intouch.bounces.models import BounceReport
from intouch.outbox import addresses
from intouch.outbox.models import DeadAddress, Road
from intouch.residents import subscriptions
from intouch.residents.models import Subscription
from intouch.runtime import Runtime
from tests.web.test_webhooks import SECRET, Amazon, amazon, path, postmark

__all__ = ["amazon", "path"]

ADDRESS = f"/webhooks/postmark/{SECRET}"


def change(reason: str | None = "ManualSuppression", **more: Any) -> dict[str, Any]:
    """As in https://postmarkapp.com/developer/webhooks/subscription-change-webhook."""
    return {
        "RecordType": "SubscriptionChange",
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "ServerID": 123456,
        "MessageStream": "broadcast",
        "ChangedAt": "2026-11-27T16:53:34.416071Z",
        "Recipient": "Grace@example.org",
        "Origin": "Recipient",
        "SuppressSending": True,
        "SuppressionReason": reason,
        "Tag": None,
        "Metadata": {},
    } | more


async def _post(client: httpx.AsyncClient, event: dict[str, Any]) -> None:
    assert (await client.post(ADDRESS, json=event)).status_code == 200


async def _reasons(site: Runtime) -> set[str | None]:
    async with site.sessions.read() as session:
        return set(await session.scalars(sa.select(Subscription.ended_reason)))


async def _dead_because(site: Runtime) -> str | None:
    async with site.sessions.read() as session:
        return await session.scalar(sa.select(DeadAddress.reason).where(DeadAddress.address == "grace@example.org"))


async def test_who_unsubscribes_at_postmark_gets_nothing_more_by_email_and_may_come_back(
    client: httpx.AsyncClient, site: Runtime, amazon: Amazon, path: str, grace: int
) -> None:
    for _ in range(2):
        await _post(client, change())
    assert await _reasons(site) == {"unsubscribed"}
    async with site.sessions.read() as session:
        assert await subscriptions.active(session, grace) == []
        assert not await addresses.is_dead(session, Road.EMAIL, "grace@example.org")
        assert len((await session.scalars(sa.select(BounceReport))).all()) == 1


@pytest.mark.parametrize(("reason", "dead"), [("HardBounce", "bounced: HardBounce"), ("SpamComplaint", "complaint")])
async def test_a_bounce_and_a_complaint_told_in_this_way_are_the_same_as_told_in_the_other(
    client: httpx.AsyncClient, site: Runtime, amazon: Amazon, path: str, grace: int, reason: str, dead: str
) -> None:
    for event in (change(reason), postmark(reason)):
        await _post(client, event)
        assert await _dead_because(site) == dead
    async with site.sessions.read() as session:
        assert await subscriptions.active(session, grace) == []


@pytest.mark.parametrize(
    "event",
    [
        change(None, SuppressSending=False, MessageID=None),  # reactivated: our own consent decides
        change(SuppressSending=False),
        change(SuppressSending="true"),
        change(SuppressSending=None),
        change(Origin="Customer", MessageID=None),  # somebody of the council, in Postmark's pages
        change(Origin="Admin", MessageID=None),
        change("HardBounce", Origin="Customer"),
        change(MessageID=None),
        change(MessageID={"a": 1}),
        change("no such reason"),
        change(SuppressionReason=["HardBounce"]),
        change(Recipient=None),
        change(Recipient=["grace@example.org"]),
        change(Recipient="nobody@example.org"),
    ],
)
async def test_what_no_reader_did_or_names_no_email_does_nothing(
    client: httpx.AsyncClient, site: Runtime, amazon: Amazon, path: str, event: dict[str, Any]
) -> None:
    await _post(client, event)
    assert await _reasons(site) == {None}
    assert await _dead_because(site) is None


async def test_a_forged_one_is_refused(client: httpx.AsyncClient, site: Runtime, amazon: Amazon, path: str) -> None:
    assert (await client.post("/webhooks/postmark/wrong", json=change())).status_code == 403
    assert (await client.post("/webhooks/postmark", json=change("SpamComplaint"), auth=("any", "wrong"))).status_code == 403
    assert await _reasons(site) == {None}
