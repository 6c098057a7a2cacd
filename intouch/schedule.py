"""Schedule: the clock; one line a part, each safe to run twice and by any number of processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from apscheduler.events import EVENT_JOB_SUBMITTED, JobSubmissionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import logs
from intouch.bounces import recording as bounces
from intouch.digest import briefing, contents, editions, periods, ticks
from intouch.digest.editions import Due
from intouch.digest.models import Audience
from intouch.digest.periods import Weekly
from intouch.digest.scope import Scope
from intouch.issues import moving as reports
from intouch.issues import retention
from intouch.outbox import sweeping
from intouch.residents import housekeeping, moving
from intouch.runtime import Runtime
from intouch.settings import WEEKDAYS, Settings
from intouch.surveys import closing, launch

log = logs.get("schedule")

Part = Callable[[Runtime, datetime], Awaitable[int]]
_GATHER: Mapping[Audience, Callable[[AsyncSession, Scope], Awaitable[dict[str, Any]]]] = {
    Audience.DIGEST: contents.gather,
    Audience.BRIEFING: briefing.gather,
}


def weekly(settings: Settings, audience: Audience) -> Weekly:
    """When this audience's editions are due."""
    return periods.weekly(settings.digest_at if audience is Audience.DIGEST else settings.briefing_at, settings.zone)


async def reconcile(runtime: Runtime, parts: Mapping[str, Part] | None = None) -> dict[str, int]:
    """Bring about everything that should exist by now (``parts``: others than ``PARTS``); per part, how much there was to do.

    Each part has its own transactions. One that fails is logged and counted under ``failed``; the others go on, and the
    next tick tries it again.
    """
    now, done = runtime.now(), {"failed": 0}
    for name, part in (PARTS if parts is None else parts).items():
        began = time.perf_counter()
        try:
            done[name] = await part(runtime, now)
        except Exception:  # whatever it is, it must not keep the other parts from their work
            done["failed"] += 1
            log.exception("schedule.part_failed", part=name)
        else:
            log.debug("schedule.part", part=name, count=done[name], seconds=round(time.perf_counter() - began, 3))
    if any(done.values()):
        log.info("schedule.reconciled", **{name: count for name, count in done.items() if count})
    return done


async def publish(runtime: Runtime, due: Sequence[Due], *, now: datetime, even_late: bool = False) -> int:
    """Bring these editions about, each in a transaction of its own; how many deliveries went to the outbox.

    A late one waits for an officer, who publishes ``even_late``. One ward that fails does not keep the others from theirs.
    """
    deliveries, failures = 0, []
    for one in due:
        try:
            deliveries += await _publish_one(runtime, one, now, even_late)
        except Exception as failure:
            log.exception("schedule.edition_failed", audience=one.audience.value, ward=one.ward.id, period=one.period)
            failures.append(failure)
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {len(due)} editions failed", failures)
    return deliveries


async def _publish_one(runtime: Runtime, due: Due, now: datetime, even_late: bool) -> int:
    if due.is_late(now) and not even_late:
        async with runtime.sessions.write() as session:
            await editions.wait(session, due, now=now)
        return 0
    scope = Scope.of(runtime.settings, due.ward, since=due.since, until=editions.until(now), now=now)
    async with runtime.sessions.read() as session:  # reading takes its time, and must not hold the one writer of SQLite
        gathered = await _GATHER[due.audience](session, scope)
    async with runtime.sessions.write() as session:
        made = await editions.publish(session, due, gathered, now=now)
    if made is not None:
        log.info("schedule.edition", audience=due.audience.value, ward=due.ward.id, period=due.period, deliveries=made)
        runtime.bell.ring()  # while the other wards' are being made
    return made or 0


async def _editions(runtime: Runtime, now: datetime, audience: Audience) -> int:
    async with runtime.sessions.read() as session:
        has_begun = await editions.has_begun(session)
        due = await editions.missing(session, audience, weekly(runtime.settings, audience), now=now)
        approved = await editions.approved(session, audience, weekly(runtime.settings, audience))
    if not has_begun:
        async with runtime.sessions.write() as session:
            await editions.begin(session, now=now)
    return await publish(runtime, due, now=now) + await publish(runtime, approved, now=now, even_late=True)


async def _open_surveys(runtime: Runtime, now: datetime) -> int:
    async with runtime.sessions.write() as session:
        return await launch.open_due(session, now=now)


async def _close_surveys(runtime: Runtime, now: datetime) -> int:
    async with runtime.sessions.write() as session:
        return await closing.close_due(session, now=now)


async def _digests(runtime: Runtime, now: datetime) -> int:
    return await _editions(runtime, now, Audience.DIGEST)


async def _briefings(runtime: Runtime, now: datetime) -> int:
    return await _editions(runtime, now, Audience.BRIEFING)


async def _sweep(runtime: Runtime, now: datetime) -> int:
    async with runtime.sessions.read() as session:
        if not await sweeping.is_anything_lost(session, now=now):
            return 0
    async with runtime.sessions.write() as session:
        swept = await sweeping.sweep(session, now=now)
        return swept.queued + swept.unknown


async def _part_with_wards(runtime: Runtime, now: datetime) -> None:
    """What fell due in wards that have ended since is made while its readers still live in them."""
    today = now.astimezone(runtime.settings.zone).date()
    for audience in Audience:
        async with runtime.sessions.read() as session:
            due = await editions.missing(session, audience, weekly(runtime.settings, audience), now=now)
        await publish(runtime, [one for one in due if one.ward.valid_to is not None and one.ward.valid_to <= today], now=now)


async def _move_residents(runtime: Runtime, now: datetime) -> int:
    await _part_with_wards(runtime, now)
    async with runtime.sessions.write() as session:
        moved = await moving.move_to_new_wards(
            session, on=now.astimezone(runtime.settings.zone).date(), templates=runtime.templates, links=runtime.links, now=now
        )
        return moved.moved + moved.to_ask


async def _move_reports(runtime: Runtime, now: datetime) -> int:
    async with runtime.sessions.write() as session:
        return await reports.move_to_new_wards(session, on=now.astimezone(runtime.settings.zone).date(), now=now)


async def _forget_drafts(runtime: Runtime, now: datetime) -> int:
    async with runtime.sessions.write() as session:
        return await housekeeping.forget_drafts(session, now=now) + await retention.forget_abandoned(session, now=now)


async def _forget_troubles(runtime: Runtime, now: datetime) -> int:
    async with runtime.sessions.write() as session:
        return await bounces.forget_old(session, now=now)


# In this order: residents and reports are in their wards before anything is sent, and what closed now is in the digest that is due now.
PARTS: Mapping[str, Part] = {
    "residents_moved": _move_residents,
    "reports_moved": _move_reports,
    "surveys_opened": _open_surveys,
    "surveys_closed": _close_surveys,
    "digests": _digests,
    "briefings": _briefings,
    "deliveries_swept": _sweep,
    "drafts_forgotten": _forget_drafts,
    "troubles_forgotten": _forget_troubles,
}


class Schedule:
    """Calls ``reconcile`` at start, every five minutes, and at the times of digest and briefing.

    These are clocks only: what is due is computed from the calendar and from rows, so a tick that is lost, late or doubled
    changes nothing. The five minutes are those of a clock that nobody sets; the times are the council's, by APScheduler.
    ``after`` is called when a tick is done, to wake whoever sends.
    """

    def __init__(
        self,
        runtime: Runtime,
        after: Callable[[], object] | None = None,
        *,
        every: float = ticks.INTERVAL.total_seconds(),
        parts: Mapping[str, Part] = PARTS,
    ) -> None:
        """``every`` so many seconds these ``parts``; else than five minutes and all of them only in tests."""
        self._runtime = runtime
        self._seconds = every
        self._parts = parts
        self._after = after
        self._one_at_a_time = asyncio.Lock()
        self._is_stopping = False
        self.lateness: dict[str, float] = {}
        self._next: float | None = None
        self._every: asyncio.Task[None] | None = None
        self._clock = AsyncIOScheduler(
            timezone=runtime.settings.zone, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )

    async def start(self) -> None:
        """Begin to tick, at once and from then on."""
        for audience in Audience:
            self._clock.add_job(self.tick, _cron(weekly(self._runtime.settings, audience)), id=audience.value)
        self._clock.add_listener(self._note_lateness, EVENT_JOB_SUBMITTED)
        self._clock.start()
        self._every = asyncio.create_task(self._tick_every())

    async def stop(self) -> None:
        """Let the tick that is under way finish, and begin no other."""
        self._is_stopping = True
        if self._clock.running:
            self._clock.pause()
            async with self._one_at_a_time:
                self._clock.shutdown(wait=False)
                if self._every is not None:
                    self._every.cancel()

    async def _tick_every(self) -> None:
        """Until cancelled; one that comes late, because the one before took long or the machine slept, says so."""
        now = asyncio.get_running_loop().time
        planned = now()
        while True:
            await asyncio.sleep(planned - now())
            self.lateness[ticks.EVERY] = late = max(0.0, now() - planned)
            self._next = planned + self._seconds
            self._clock.wakeup()  # the wall clock may have been set since it looked
            try:
                await self.tick()
            except Exception:
                log.exception("schedule.tick_failed")
            planned += self._seconds if late < self._seconds else late  # those that were missed are not made up for

    def lateness_now(self) -> dict[str, float]:
        """How late the last ticks came, and how late the next is by now: one that hangs would else look like one that came in time."""
        if self._next is None:
            return dict(self.lateness)
        overdue = asyncio.get_running_loop().time() - self._next
        return {**self.lateness, ticks.EVERY: max(self.lateness[ticks.EVERY], overdue)}

    def _note_lateness(self, event: JobSubmissionEvent) -> None:
        late = datetime.now(UTC) - event.scheduled_run_times[0]
        self.lateness[event.job_id] = max(0.0, late.total_seconds())

    async def tick(self) -> dict[str, int]:
        """One round of ``reconcile``, after the one that may be under way; never raises because of what is in the database."""
        async with self._one_at_a_time:
            if self._is_stopping:
                return {}
            done = await reconcile(self._runtime, self._parts)
            await self._write_down()
            if self._after is not None:
                self._after()
            return done

    async def _write_down(self) -> None:
        """For the processes that have no schedule of their own and are asked about it."""
        try:
            async with self._runtime.sessions.write() as session:
                await ticks.note(session, self.lateness, now=self._runtime.now())
        except Exception as error:  # the next tick writes it anew
            log.warning("schedule.tick_not_noted", error=type(error).__name__)


def _cron(when: Weekly) -> CronTrigger:
    return CronTrigger(day_of_week=WEEKDAYS[when.weekday], hour=when.at.hour, minute=when.at.minute, timezone=when.zone)
