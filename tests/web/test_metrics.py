"""/metrics: what Prometheus reads, and who may read it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from starlette.applications import Starlette

from intouch.clock import ShiftedClock
from intouch.digest import ticks
from intouch.digest.models import Audience, Edition, EditionStatus
from intouch.outbox import holds
from intouch.outbox.models import Lane, Road
from intouch.runtime import Runtime, build_runtime
from intouch.settings import Settings
from intouch.storage.sessions import Sessions, open_engine
from intouch.web import application
from intouch.web.metrics import Gauges, kept_for
from tests.conftest import ON_ONE_DATABASE
from tests.outbox.outboxes import draft, queue
from tests.storage.tunnel import tunnel


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


async def test_many_who_ask_at_once_ask_the_database_once(runtime: Runtime) -> None:
    asked: list[str] = []
    sa.event.listen(runtime.sessions.engine.sync_engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    async with client_from("127.0.0.1", runtime) as client:
        answers = await asyncio.gather(*(client.get("/metrics") for _ in range(10)))
        answers += [await client.get("/metrics") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert len([one for one in asked if "GROUP BY deliveries.road" in one]) == 1


async def test_a_database_that_says_nothing_is_told_of_beside_what_this_process_knows_and_asked_again(
    postgres_url: str, settings_of_a_council: Settings, clock: ShiftedClock
) -> None:
    async with tunnel(postgres_url) as between:
        usual = build_runtime(settings_of_a_council.model_copy(update={"database_url": SecretStr(between.url)}), clock)
        await usual.sessions.close()
        far = replace(usual, sessions=Sessions(open_engine(between.url), answers_within=1.0))
        pages = application.create(far)
        pages.state.gauges = Gauges(outcomes=lambda: {"sent": 7}, ticks=lambda: {"every": 700.0}, patience=0.1)
        async with client_of(pages) as client:
            await _until_it_is_up(client)
            pages.state.gauges = replace(pages.state.gauges)  # what was counted before is kept for some seconds
            between.swallow()
            assert values((await client.get("/metrics")).text) == {
                ("intouch_database_up",): 0,
                ("intouch_tick_lateness_seconds", "every"): 700,
                ("intouch_outcomes_total", "sent"): 7,
            }
            assert (await _until_it_is_up(client))["intouch_delivery_oldest_due_seconds",] == 0
        await far.sessions.close()


async def _until_it_is_up(client: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    async with asyncio.timeout(30):
        while not (told := values((await client.get("/metrics")).text))["intouch_database_up",]:
            await asyncio.sleep(0.05)
    return told


async def test_a_database_that_is_gone_is_told_of(postgres_url: str, settings_of_a_council: Settings, clock: ShiftedClock) -> None:
    gone = sa.make_url(postgres_url).set(database="gone").render_as_string(hide_password=False)
    runtime = build_runtime(settings_of_a_council.model_copy(update={"database_url": SecretStr(gone)}), clock)
    async with client_from("127.0.0.1", runtime) as client:
        answer = await client.get("/metrics")
    assert (answer.status_code, values(answer.text)) == (200, {("intouch_database_up",): 0})


def client_from(address: str, runtime: Runtime, **settings: object) -> httpx.AsyncClient:
    return client_of(application.create(replace(runtime, settings=runtime.settings.model_copy(update=settings))), address)


def client_of(pages: Starlette, address: str = "127.0.0.1") -> httpx.AsyncClient:
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
