"""Metrics: how deliveries stand, as Prometheus reads it; to this machine only, or to who has the token."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from intouch import logs
from intouch.digest import lateness, ticks
from intouch.digest.models import Audience
from intouch.outbox import holds, progress
from intouch.outbox import standing as outbox
from intouch.outbox.standing import Standing
from intouch.runtime import Runtime
from intouch.storage.columns import Base
from intouch.web.pages import runtime_of

log = logs.get("web")

PATIENCE = 5.0  # seconds; Prometheus waits for ten
KEPT_FOR = 5.0  # seconds at least: however many ask, the database is asked this often
LONGEST_KEPT = 60.0  # seconds: a database that hung for a minute must not leave its operator with old figures for twenty


@dataclass(frozen=True, slots=True)
class Figures:
    """What the database says."""

    deliveries: list[Standing]
    oldest_wait: float
    retried: int
    editions: Mapping[Audience, float]
    ticks: Mapping[str, float]
    bounces: Mapping[str, int]
    is_held: bool


def _nothing() -> Mapping[str, float]:
    return {}


@dataclass(slots=True)
class Gauges:
    """What this process knows: outcomes of its sender and lateness of its ticks, set by who started them; and what is kept."""

    outcomes: Callable[[], Mapping[str, float]] = _nothing
    ticks: Callable[[], Mapping[str, float]] = _nothing
    patience: float = PATIENCE
    _asking: asyncio.Task[Figures | None] | None = field(default=None, init=False)
    _kept_until: float = field(default=0.0, init=False)

    async def figures(self, runtime: Runtime) -> Figures | None:
        """What the database says, asked once for however many ask here; None when it says nothing within our patience.

        A question under way goes on, and what it brings is for whoever asks next.
        """
        if self._asking is None or (self._asking.done() and time.monotonic() > self._kept_until):
            self._asking = asyncio.create_task(self._ask(runtime))
        await asyncio.wait([self._asking], timeout=self.patience)
        return self._asking.result() if self._asking.done() else None

    async def _ask(self, runtime: Runtime) -> Figures | None:
        began = time.monotonic()
        try:
            async with runtime.sessions.in_time():
                found = await _ask(runtime)
        except Exception as error:  # whatever a driver raises: an alarm has to be given, and what this process knows is still true
            log.warning("metrics.no_figures", kind=type(error).__name__)
            return None
        self._kept_until = time.monotonic() + kept_for(time.monotonic() - began)
        return found


def kept_for(took: float) -> float:
    """For how many seconds figures serve that took so many. Counting millions takes a second, and is not to take more than a twentieth."""
    return min(LONGEST_KEPT, max(KEPT_FOR, 20 * took))


async def show(request: Request) -> Response:
    """GET /metrics."""
    if not _may_see(request):
        raise HTTPException(404)
    gauges: Gauges = request.app.state.gauges
    found = await gauges.figures(runtime_of(request))
    registry = CollectorRegistry()
    registry.register(_Once([*_of_database(found), *_of_process(gauges, found)]))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _may_see(request: Request) -> bool:
    token = runtime_of(request).settings.metrics_token.get_secret_value()
    if token:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode("latin-1"), f"Bearer {token}".encode())  # Starlette reads headers as Latin-1
    try:
        # Behind a proxy on this machine this is the address that it forwards; see docs/decisions/0122.
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


async def _ask(runtime: Runtime) -> Figures:
    async with runtime.sessions.read() as session:
        cells = await outbox.standing(session)
        return Figures(
            deliveries=cells,
            oldest_wait=outbox.oldest_wait(cells, now=runtime.now()),
            retried=await progress.retried(session),
            editions=await lateness.of_newest(session),
            ticks=await ticks.lateness(session, now=runtime.now()),
            bounces=await _bounces(session),
            is_held=await holds.held_since(session) is not None,
        )


async def _bounces(session: AsyncSession) -> Mapping[str, int]:
    """Reports of undelivered email and complaints by kind, where the room that takes them in is part of the house."""
    table = Base.metadata.tables.get("bounce_reports")
    if table is None:
        return {}
    kind: sa.Column[str] = table.c.kind
    found = await session.execute(sa.select(sa.cast(kind, sa.Text), sa.func.count()).group_by(kind))
    return {str(row[0]): row[1] for row in found}


class _Once(Collector):
    """Hands these metrics to one answer."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _of_database(found: Figures | None) -> Iterable[Metric]:
    yield GaugeMetricFamily(
        "intouch_database_up", "1 while the database answers; its figures are missing else.", value=float(found is not None)
    )
    if found is None:
        return
    yield GaugeMetricFamily("intouch_delivery_oldest_due_seconds", "For how long the oldest due delivery waits.", value=found.oldest_wait)
    numbers = GaugeMetricFamily("intouch_deliveries", "Deliveries by road, lane and state.", labels=["road", "lane", "state"])
    for cell in found.deliveries:
        numbers.add_metric([cell.road.value, cell.lane.value, cell.state.value], cell.number)
    yield numbers
    yield GaugeMetricFamily("intouch_deliveries_retried", "Deliveries that were tried more than once.", value=found.retried)
    late = {audience.value: seconds for audience, seconds in found.editions.items()}
    yield _labelled("intouch_edition_lateness_seconds", "From when the newest edition was due until it was made.", "audience", late)
    yield _labelled("intouch_bounces", "Reports of undelivered email and complaints that are kept.", "kind", found.bounces)
    yield GaugeMetricFamily("intouch_held_after_restore", "1 while bulk waits for approval after a restore.", value=float(found.is_held))


def _of_process(gauges: Gauges, found: Figures | None) -> Iterable[Metric]:
    # Those of its own know of a tick that hangs; those of other processes are in the database.
    late = {**(found.ticks if found else {}), **gauges.ticks()}
    yield _labelled("intouch_tick_lateness_seconds", "How late the last tick came, or the next is by now.", "tick", late)
    outcomes = CounterMetricFamily(
        "intouch_outcomes", "Attempts of this process since it started, by what came of them.", labels=["verdict"]
    )
    for verdict, number in gauges.outcomes().items():
        outcomes.add_metric([verdict], number)
    yield outcomes


def _labelled(name: str, words: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    metric = GaugeMetricFamily(name, words, labels=[label])
    for value, number in values.items():
        metric.add_metric([value], number)
    return metric
