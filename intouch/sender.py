"""Sender: the part that sends what is in the outbox and hears of what did not arrive; alone in its process it loads nothing else."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncSession

from intouch import logs
from intouch.bounces import stopping
from intouch.bounces.verp import ReturnPath
from intouch.channels.outcomes import Channel
from intouch.clock import Clock
from intouch.digest import rendering as editions
from intouch.letters import Letters
from intouch.loading import load
from intouch.outbox import epoch, flights, ready, rendering
from intouch.outbox.habits import Habits
from intouch.outbox.models import Road
from intouch.outbox.presence import Presence
from intouch.outbox.settling import Follow, OnDead, OnRefused
from intouch.outbox.synchronising import Synchronising
from intouch.outbox.worker import Worker
from intouch.parts import STOP_WITHIN, Upkeep
from intouch.post import Post, per_second
from intouch.residents import asking, deliveries, reaching
from intouch.runtime import Runtime, build_runtime
from intouch.settings import Settings
from intouch.storage import revision
from intouch.surveys import invitations, outcomes
from intouch.templating import Templates

if TYPE_CHECKING:  # loaded only where there is a token
    from intouch.chats import Chats

log = logs.get("app")


class Sender:
    """A process that sends and does nothing else, as often as wanted on PostgreSQL: ``intouch run --only sender``."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self.runtime = build_runtime(settings, clock)
        self.presence = Presence(settings.data_dir)
        has_bot = settings.telegram_token.get_secret_value() != ""
        self.chats: Chats | None = load("intouch.chats:Chats")(self.runtime, self.presence) if has_bot else None
        self.post = Post(settings)
        self.worker = build_worker(self.runtime, self.presence, self.chats.channel if self.chats else None, self.post.channel)
        self._upkeep = Upkeep()

    async def start(self) -> None:
        """Make the database ready and begin; raises ``InTouchError`` when that can't be done."""
        await revision.make_ready(self.runtime.sessions.engine)
        await keep_time(self.runtime, self._upkeep)
        self.presence.begin()
        if self.chats is not None:
            self._upkeep.begin("bot", self.chats.meet)
            self._upkeep.begin("pace", self.chats.share_pace)
        self._upkeep.begin("email rate", partial(self.post.share_rate, self.runtime, self.presence))
        self._upkeep.begin("sender", self.worker.run)
        await hear_of_bounces(self.runtime, self._upkeep)
        log.info("app.started", parts="sender", bot=self.chats is not None)

    async def stop(self) -> None:
        """Finish what is under way and let go of everything, within ten seconds."""
        try:
            async with asyncio.timeout(STOP_WITHIN):
                await self.worker.stop(within=STOP_WITHIN - 2)
        except TimeoutError:
            log.warning("app.stopped_in_a_hurry")
        await let_go(self.runtime, self.presence, self.chats, self._upkeep)


async def let_go(runtime: Runtime, presence: Presence, chats: Chats | None, upkeep: Upkeep) -> None:
    """The end of a process, once its parts have ended or had their time."""
    await upkeep.end()
    if chats is not None:
        await chats.close()
    await runtime.sessions.close()
    presence.end()
    log.info("app.stopped")


def build_worker(
    runtime: Runtime, presence: Presence, telegram: Channel | None = None, email: Channel | None = None, *, habits: Habits | None = None
) -> Worker:
    """Who renders each kind of delivery, by which road it leaves, and what happens when an address is dead."""
    letters, settings = Letters(runtime.templates), runtime.settings
    roads = {Road.TELEGRAM: telegram, Road.EMAIL: email}
    keeper = None if settings.is_staging else epoch.Keeper(runtime.sessions, runtime.clock, settings.epoch_path)
    renderers: dict[str, rendering.Renderer] = {
        **rendering.generic_renderers(letters),
        ready.KIND: ready.render,
        asking.KIND: asking.renderer(letters),
        "survey.invitation": invitations.renderer(runtime.templates, runtime.links, letters, runtime.clock),
        "survey.outcome": outcomes.renderer(runtime.templates, runtime.links, letters, smallest=settings.smallest_count),
        **editions.renderers(runtime.templates, letters, runtime.links),
    }
    worker = Worker(
        runtime.sessions,
        runtime.clock,
        presence,
        renderers=renderers,
        channels={road: channel for road, channel in roads.items() if channel is not None},
        email_from=settings.email_from,
        return_path=paths.of if (paths := return_path(settings)) else None,
        may_send_to=settings.may_send_to,
        follow=Follow(_mourner(runtime.templates), _scorer(runtime.templates)),
        who_left=deliveries.who_left,
        chat_gap=1 / settings.telegram_per_chat,
        beat=keeper.beat if keeper else None,
        before_claim=keeper.before_claim if keeper else None,
        note_sent=keeper.note_sent if keeper else None,
        habits=habits or Habits(paces=flights.paces(per_second(settings))),
    )
    runtime.bell.listen(worker.nudge)
    return worker


async def keep_time(runtime: Runtime, upkeep: Upkeep) -> None:
    """Before anything is decided by it, agree with all other processes what time it is."""
    synchronising = Synchronising(runtime.sessions, runtime.clock)
    await synchronising.look()
    upkeep.begin("clock", synchronising.run)


def return_path(settings: Settings) -> ReturnPath | None:
    """Where reports about each email come, if the council set that up."""
    return ReturnPath(settings.bounce_address, settings.signing_key()) if settings.bounce_address else None


async def hear_of_bounces(runtime: Runtime, upkeep: Upkeep) -> None:
    """Take reports of undelivered email where the settings say that they come in."""
    settings = runtime.settings
    if not settings.bounce_listen and settings.bounce_maildir is None:
        return
    intake = load("intouch.bounces.intake:Intake")(runtime.sessions, runtime.templates, runtime.clock, return_path(settings))
    if settings.bounce_listen:
        listener = load("intouch.bounces.listener:Listener")(intake, settings.bounce_listen)
        await listener.open()  # here and not in the task: a port that is taken is told to whoever starts us
        upkeep.begin("bounces", listener.run)
    if settings.bounce_maildir is not None:
        upkeep.begin("maildir", load("intouch.bounces.maildir:Maildir")(intake, settings.bounce_maildir).run)


def _mourner(templates: Templates) -> OnDead:
    """An address is dead: whoever it belonged to is not written to there any more, and hears of a lost mailbox in the chat."""

    async def mourn(session: AsyncSession, road: Road, address: str, _reason: str, now: datetime) -> None:
        if road is Road.TELEGRAM:
            await reaching.telegram_gone(session, int(address), now=now)
        else:
            await stopping.mourn(session, address, templates=templates, now=now)

    return mourn


def _scorer(templates: Templates) -> OnRefused:
    """A mailbox took nothing until the delivery was given up: the same as a report of a bounce that may pass."""

    async def score(session: AsyncSession, delivery_id: int, reason: str, now: datetime) -> None:
        await load("intouch.bounces.recording:refused_at_sending")(session, delivery_id, reason, templates=templates, now=now)

    return score
