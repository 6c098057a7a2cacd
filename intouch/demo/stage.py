"""Stage: what runs in the demo, and the buttons that let time pass on it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from intouch import schedule
from intouch.clock import ShiftedClock
from intouch.council.models import Officer
from intouch.demo import questions, samples
from intouch.demo.mailbox import Mailbox
from intouch.demo.telegram import SimulatedTelegram
from intouch.digest import periods
from intouch.errors import BadInput
from intouch.runtime import Runtime
from intouch.surveys import closing, launch
from intouch.surveys.models import Survey, SurveyStatus
from intouch.templating import plural


@dataclass
class Stage:
    """The simulated Telegram, the mailbox, the clock, and the runtime of the application that talks to them."""

    telegram: SimulatedTelegram
    box: Mailbox
    clock: ShiftedClock
    runtime: Runtime
    is_closing: asyncio.Event = field(default_factory=asyncio.Event)
    _pulses: int = 0
    _samples: int = 0

    def now(self) -> datetime:
        return self.clock.now()

    def next_sample(self) -> bytes:
        """A photo from the phone's gallery; the next time another one."""
        self._samples += 1
        return samples.sample(self._samples - 1)

    async def launch_pulse(self) -> str:
        """Launch one of the example surveys, as an officer would; says how many people it asks."""
        now = self.now()
        plan = questions.example(now, self._pulses)
        async with self.runtime.sessions.write() as session:
            officer_id = (await session.scalars(sa.select(Officer.id).limit(1))).one()
            survey = await launch.create(session, plan, officer_id=officer_id, now=now)
            asked = await launch.launch(session, survey.id, now=now)
        self._pulses += 1
        return f"“{plan.title}” is on its way to {plural(asked, 'person', 'people')}; who joined last hears last."

    async def close_survey(self) -> str:
        """Close the survey that opened last, which tells everybody who answered what was said."""
        now = self.now()
        async with self.runtime.sessions.write() as session:
            newest = sa.select(Survey).where(Survey.status == SurveyStatus.OPEN).order_by(Survey.opens_at.desc(), Survey.id.desc())
            survey = await session.scalar(newest.limit(1))
            if survey is None:
                raise BadInput("No survey is open. Launch a pulse first.")
            told = await closing.close(session, survey.id, now=now)
            title = survey.title
        return f"“{title}” is closed and published. {plural(told, 'person', 'people')} who answered are told what was said."

    async def go_to_friday(self) -> str:
        """Let it be the next time at which the digest is due."""
        await self._go_to(self.runtime.settings.digest_at)
        return "The weekly digest goes out. See the mailbox."

    async def go_to_monday(self) -> str:
        """Let it be the next time at which the briefing is due."""
        await self._go_to(self.runtime.settings.briefing_at)
        return "The councillors' briefing goes out. See the mailbox, or ask Carl's phone for /brief."

    async def _go_to(self, weekly: str) -> None:
        # What is due already belongs to the time before the jump.
        await schedule.reconcile(self.runtime)
        self.clock.set(next_time(weekly, self.runtime, after=self.now()) + timedelta(seconds=1))
        self.telegram.world.touch()
        await schedule.reconcile(self.runtime)


def next_time(weekly: str, runtime: Runtime, *, after: datetime) -> datetime:
    """The first ``fri 16:00`` of the council's calendar after a moment."""
    when = periods.weekly(weekly, runtime.settings.zone)
    weeks = (periods.period_of((after + timedelta(days=7 * number)).astimezone(runtime.settings.zone).date()) for number in range(3))
    return next(moment for moment in (periods.due_at(week, when) for week in weeks) if moment > after)
