"""A year of two schedulers that tick at the same moments, one of them early too: every period has its edition exactly once."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from intouch import app, schedule
from intouch.clock import ShiftedClock
from intouch.digest import periods
from intouch.digest.models import Audience, Edition, EditionStatus
from intouch.outbox.models import Delivery
from intouch.runtime import Runtime
from intouch.settings import Settings
from tests.digest import writing
from tests.digest.conftest import Town
from tests.digest.conftest import town as town  # noqa: PLC0414 - the same two wards as the digest's own tests

BEGIN = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
WEEKS = 52
MISSED = ("2027-W27", "2027-W28", "2027-W29")  # nobody was there
EARLY = timedelta(minutes=-4)
A_MOMENT = timedelta(seconds=2)


def weeks() -> list[str]:
    """The periods of the year; both clock changes lie in it, 28 March and 31 October 2027."""
    return [periods.period_of(date(2026, 11, 18) + timedelta(weeks=week)) for week in range(WEEKS)]


@pytest.fixture
async def two(settings: Settings, clock: ShiftedClock, runtime: Runtime) -> list[Runtime]:
    return [runtime, app.build_runtime(settings, clock)]


@pytest.mark.slow
async def test_every_period_has_its_edition_exactly_once(two: list[Runtime], clock: ShiftedClock, town: Town) -> None:
    await town.subscriber()
    await town.councillor()
    for week in range(WEEKS + 1):
        day = BEGIN + timedelta(weeks=week)
        await writing.notice(two[0], "Road closed", on=day.date() + timedelta(days=6), ward_id=None, created_at=day)
    clock.set(BEGIN)
    await asyncio.gather(*(schedule.reconcile(one) for one in two))
    published: dict[str, datetime] = {}
    for period in weeks():
        if period in MISSED:
            continue
        for audience in (Audience.BRIEFING, Audience.DIGEST):
            due = periods.due_at(period, schedule.weekly(two[0].settings, audience))
            if due < BEGIN:
                continue
            assert await _tick(two[:1], clock, due + EARLY) == 0  # one of the two has a clock that is fast
            made = await _tick(two, clock, due + A_MOMENT)
            if audience is Audience.DIGEST and made:
                published[period] = due + A_MOMENT
    _check_moments(published, two[0].settings)
    await _check_rows(two[0])
    await two[1].sessions.close()


async def _tick(schedulers: list[Runtime], clock: ShiftedClock, moment: datetime) -> int:
    """How many digests these brought about at this moment, together."""
    clock.set(moment)
    done = await asyncio.gather(*(schedule.reconcile(one) for one in schedulers))
    assert {one["failed"] for one in done} == {0}
    return sum(one["digests"] for one in done)


def _check_moments(published: dict[str, datetime], settings: Settings) -> None:
    """Never early, and at the same time of the council's clock in winter and in summer."""
    assert list(published) == [period for period in weeks() if period not in MISSED]
    assert {f"{moment.astimezone(settings.zone):%a %H:%M:%S}" for moment in published.values()} == {"Fri 16:00:02"}
    assert {f"{moment:%H:%M:%S}" for moment in published.values()} == {"15:00:02", "16:00:02"}


async def _check_rows(runtime: Runtime) -> None:
    async with runtime.sessions.read() as session:
        rows = (await session.execute(sa.select(Edition.audience, Edition.ward_id, Edition.period, Edition.status))).all()
        keys = list(await session.scalars(sa.select(Delivery.key)))
    assert max(Counter((row.audience, row.ward_id, row.period) for row in rows).values()) == 1
    for audience in Audience:
        mine = {row.period: row.status for row in rows if row.audience is audience}
        # Of the weeks that passed while nobody was there the last one waits for an officer; the others are gone.
        waiting = [period for period, status in mine.items() if status is EditionStatus.WAITING]
        assert waiting == [MISSED[-1]], audience
        assert set(MISSED[:-1]).isdisjoint(mine)
    assert len(keys) == len(set(keys))
    assert sum(key.startswith("digest:") for key in keys) == WEEKS - len(MISSED)
