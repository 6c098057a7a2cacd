"""/metrics: what Prometheus reads, and who may read it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from starlette.applications import Starlette

from intouch.digest import ticks
from intouch.digest.models import Audience, Edition, EditionStatus
from intouch.outbox import holds, standing
from intouch.outbox.models import Lane, Road
from intouch.runtime import Runtime
from intouch.web import application
from intouch.web.metrics import Gauges, kept_for
from tests.conftest import ON_ONE_DATABASE
from tests.outbox.outboxes import draft, queue


def values(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value for family in text_string_to_metric_families(text) for sample in family.samples
    }


async def test_an_empty_house_has_figures(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain; version=")
    found = values(answer.text)
    assert found["intouch_delivery_oldest_due_seconds",] == 0 and found["intouch_held_after_restore",] == 0


async def test_deliveries_are_counted_by_road_lane_and_state_and_the_oldest_due_has_an_age(
    web: tuple[Runtime, Starlette, str], client: httpx.AsyncClient, wards: tuple[int, int], now: datetime
) -> None:
    runtime, pages, _ = web
    minute = timedelta(minutes=1)
    await queue(runtime, draft(1, now - 3 * minute), draft(2, now), draft(3, now + 9 * minute, road=Road.EMAIL, lane=Lane.NOTICE))
    edition = Edition(audience=Audience.DIGEST, ward_id=wards[0], period="2026-W46", status=EditionStatus.EMPTY, due_at=now - minute)
    edition.told_until = edition.created_at = now
    async with runtime.sessions.write() as session:
        session.add(edition)
        await holds.hold_all(session, by="test", now=now)
        await session.execute(sa.text("UPDATE deliveries SET state = 'queued', tries = 2 WHERE address <> '1'"))
        await session.execute(sa.text("UPDATE deliveries SET state = 'queued' WHERE address = '1'"))
    pages.state.gauges = Gauges(outcomes=lambda: {"sent": 7, "not tried": 1}, ticks=lambda: {"every": 0.25})
    found = values((await client.get("/metrics")).text)
    assert found["intouch_deliveries", "bulk", "telegram", "queued"] == 2
    assert found["intouch_deliveries", "notice", "email", "queued"] == 1
    assert found["intouch_deliveries_retried",] == 2
    assert 180 <= found["intouch_delivery_oldest_due_seconds",] < 200
    assert found["intouch_edition_lateness_seconds", "digest"] == 60
    assert found["intouch_outcomes_total", "sent"] == 7
    assert found["intouch_tick_lateness_seconds", "every"] == 0.25
    assert found["intouch_held_after_restore",] == 1


async def test_a_process_without_a_schedule_tells_how_late_the_ticks_of_another_are(
    web: tuple[Runtime, Starlette, str], client: httpx.AsyncClient, now: datetime
) -> None:
    runtime, pages, _ = web
    pages.state.gauges = Gauges()
    assert ("intouch_tick_lateness_seconds", "every") not in values((await client.get("/metrics")).text)
    for at, late in ((now - timedelta(days=1), 1.0), (now - timedelta(minutes=2), 0.5)):
        async with runtime.sessions.write() as session:
            await ticks.note(session, {"every": late, "digest": 2.5}, now=at)
    pages.state.gauges = Gauges()  # what was counted before is kept for some seconds
    found = values((await client.get("/metrics")).text)
    assert (found["intouch_tick_lateness_seconds", "every"], found["intouch_tick_lateness_seconds", "digest"]) == (0.5, 2.5)
    async with runtime.sessions.write() as session:
        await ticks.note(session, {"every": 0.5}, now=now - timedelta(minutes=20))
    pages.state.gauges = Gauges()
    found = values((await client.get("/metrics")).text)
    assert 900 <= found["intouch_tick_lateness_seconds", "every"] < 920


@pytest.mark.parametrize(("took", "kept"), [(0.01, 5.0), (1.0, 20.0), (40.0, 60.0)])
def test_figures_are_kept_the_longer_the_longer_they_took_but_for_a_minute_at_most(took: float, kept: float) -> None:
    """They took as long as the database hung: after 40 seconds of that, alarms were blind for 13 minutes."""
    assert kept_for(took) == kept


async def test_many_who_ask_at_once_ask_the_database_once(runtime: Runtime, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    async def count(session: object) -> list[standing.Standing]:
        asked.append(1)
        return []

    monkeypatch.setattr(standing, "standing", count)
    async with client_from("127.0.0.1", runtime) as client:
        for _ in range(10):
            assert (await client.get("/metrics")).status_code == 200
    assert asked == [1]


def client_from(address: str, runtime: Runtime, **settings: object) -> httpx.AsyncClient:
    pages = application.create(replace(runtime, settings=runtime.settings.model_copy(update=settings)))
    return httpx.AsyncClient(verify=False, transport=httpx.ASGITransport(pages, client=(address, 1234)), base_url="http://127.0.0.1")


@ON_ONE_DATABASE
@pytest.mark.parametrize(("address", "status"), [("127.0.0.1", 200), ("::1", 200), ("192.0.2.7", 404), ("unix", 404)])
async def test_without_a_token_only_this_machine_may_look(runtime: Runtime, address: str, status: int) -> None:
    async with client_from(address, runtime) as client:
        assert (await client.get("/metrics")).status_code == status


@ON_ONE_DATABASE
@pytest.mark.parametrize("given", [None, "Bearer wrong", "Bearer ", "Basic sesame", "sesame", "Bearer sésame"])
async def test_with_a_token_nobody_looks_without_it(runtime: Runtime, given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given.encode()}
    async with client_from("127.0.0.1", runtime, metrics_token=SecretStr("sesame")) as client:
        assert (await client.get("/metrics", headers=headers)).status_code == 404
        assert (await client.get("/metrics", headers={"Authorization": "Bearer sesame"})).status_code == 200
    for token in ("sesame", "sésame"):  # Prometheus sends it as it stands in its file, in UTF-8
        async with client_from("192.0.2.7", runtime, metrics_token=SecretStr(token)) as client:
            assert (await client.get("/metrics", headers={"Authorization": f"Bearer {token}".encode()})).status_code == 200
