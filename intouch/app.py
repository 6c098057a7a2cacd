"""App: the composition root; builds everything once, starts and stops what runs together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import telegram
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.types import ASGIApp

from intouch import logs
from intouch.bot.dispatcher import Dispatcher
from intouch.bot.polling import Poller
from intouch.bot.webhook import Webhook
from intouch.bounces import stopping
from intouch.bounces.intake import Intake
from intouch.bounces.listener import Listener
from intouch.bounces.maildir import Maildir
from intouch.bounces.verp import ReturnPath
from intouch.channels import dkim
from intouch.channels.calling import understood
from intouch.channels.notify import NotifyAccount, NotifyChannel
from intouch.channels.outcomes import Channel
from intouch.channels.pacing import Pacer
from intouch.channels.signing import SigningChannel
from intouch.channels.smtp import SmtpChannel
from intouch.channels.telegram import CouncilBot, TelegramChannel, open_bot
from intouch.clock import Clock
from intouch.digest import rendering as editions
from intouch.errors import InTouchError
from intouch.issues import categories
from intouch.letters import Letters
from intouch.outbox import epoch, ready, rendering
from intouch.outbox.models import Road
from intouch.outbox.presence import Presence
from intouch.outbox.settling import OnDead
from intouch.outbox.sharing import SharedPace
from intouch.outbox.worker import Worker
from intouch.residents import reaching
from intouch.runtime import Runtime, build_runtime
from intouch.schedule import Schedule
from intouch.settings import Settings
from intouch.smtp_address import SmtpAddress
from intouch.storage import upgrade
from intouch.surveys import invitations, outcomes
from intouch.templating import Templates
from intouch.web import application as web_application
from intouch.web import serving
from intouch.web.metrics import Gauges

log = logs.get("app")

PARTS = ("bot", "web", "schedule", "sender")
# A part that falls over is started again, this many seconds later.
BREATHER = 5.0
STOP_WITHIN = 9.0


def parse_parts(only: str) -> tuple[str, ...]:
    """The parts named in ``--only``; all of them when it is empty."""
    named = tuple(part.strip() for part in only.split(",") if part.strip())
    unknown = [part for part in named if part not in PARTS]
    if unknown:
        raise InTouchError(f"There is no part called {', '.join(unknown)}. The parts are {', '.join(PARTS)}.")
    return named or PARTS


class Application:
    """In Touch, whole or in parts: what ``intouch run``, the demo and the journeys start.

    ``pages`` are the public pages; ``web`` is what is served, and the demo sets it to its own page in front of them.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        parts: Sequence[str] = PARTS,
    ) -> None:
        self.runtime = build_runtime(settings, clock)
        self.parts = parts
        self.presence = Presence(settings.data_dir)
        self.bot = open_bot(settings) if settings.telegram_token.get_secret_value() else None
        self.pacer = build_pacer(settings)
        self.worker = build_worker(self.runtime, self.presence, self.bot, self.pacer)
        self.schedule = Schedule(self.runtime, after=self.worker.nudge)
        self.pages = web_application.create(self.runtime)
        self.web: ASGIApp = self.pages
        self.pages.state.gauges = Gauges(outcomes=lambda: self.worker.counts, ticks=lambda: self.schedule.lateness)
        self.webhook: Webhook | None = None
        if self.bot is not None and settings.telegram_webhook.get_secret_value() and {"bot", "web"} <= set(parts):
            self.webhook = Webhook(self.runtime, self.bot, self._dispatcher(self.bot))
            self.pages.router.routes.insert(0, self.webhook.route)  # routes are tried in turn, and this one is busy
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Make the database ready and start the parts; raises ``InTouchError`` when that can't be done."""
        categories.load(self.runtime.settings.categories_file)  # a mistake in it is for us to read, not for the first resident
        await upgrade.make_ready(self.runtime.sessions.engine)
        self.presence.begin()
        if "web" in self.parts:
            # Bound here and not in the task: a port that is taken is told to whoever starts us.
            self._begin("web", serving.WebServer(self.web, serving.bind(self.runtime.settings.listen)).run)
        if self.bot is not None and {"bot", "sender"} & set(self.parts):
            self._begin("bot", self._run_bot)
        if "sender" in self.parts:
            self._begin("sender", self.worker.run)
            if self.bot is not None:
                self._begin("pace", self._shared_pace(self.bot).run)
            await self._hear_of_bounces()
        if "schedule" in self.parts:
            await self.schedule.start()
        log.info("app.started", parts=",".join(self.parts), bot=self.bot is not None)

    async def stop(self) -> None:
        """Take in nothing more, finish what is under way, and let go of everything, within ten seconds."""
        try:
            async with asyncio.timeout(STOP_WITHIN):
                await asyncio.gather(self.schedule.stop(), self.worker.stop(within=STOP_WITHIN - 2), self._end("web"), self._end("bot"))
        except TimeoutError:
            log.warning("app.stopped_in_a_hurry")
        await self._end(*self._tasks)
        if self.bot is not None:
            with contextlib.suppress(telegram.error.TelegramError, OSError):
                await self.bot.shutdown()
        await self.runtime.sessions.close()
        self.presence.end()
        log.info("app.stopped")

    async def _hear_of_bounces(self) -> None:
        """Take reports of undelivered email where the settings say that they come in."""
        runtime, settings = self.runtime, self.runtime.settings
        intake = Intake(runtime.sessions, runtime.templates, runtime.clock, return_path(settings))
        if settings.bounce_listen:
            listener = Listener(intake, settings.bounce_listen)
            await listener.open()  # here and not in the task, as with the web's port
            self._begin("bounces", listener.run)
        if settings.bounce_maildir is not None:
            self._begin("maildir", Maildir(intake, settings.bounce_maildir).run)

    async def _run_bot(self) -> None:
        """Open the bot as soon as Telegram answers, and poll if that is our part."""
        assert self.bot is not None
        await self._meet_bot(self.bot)
        if "bot" not in self.parts:
            return
        if self.webhook is not None:
            await self.webhook.run()
        elif self.runtime.settings.telegram_webhook.get_secret_value():
            log.warning("app.webhook_needs_web")  # the parts bot and web together take Telegram's updates
        else:
            await Poller(self.runtime, self.bot, self._dispatcher(self.bot), self.presence).run()

    def _dispatcher(self, bot: CouncilBot) -> Dispatcher:
        return Dispatcher(self.runtime, bot, self.worker.nudge, self.pacer)

    def _shared_pace(self, bot: CouncilBot) -> SharedPace:
        token_id = bot.token.partition(":")[0]
        return SharedPace(self.runtime.sessions, self.runtime.clock, self.pacer, token_id=token_id, holder=self.presence.name)

    async def _meet_bot(self, bot: CouncilBot) -> None:
        pause = 1.0
        while True:
            try:
                await understood(bot.initialize())
            except (telegram.error.TelegramError, OSError) as error:
                log.warning("app.bot_unreachable", error=type(error).__name__, pause=pause)
                await asyncio.sleep(pause)
                pause = min(30.0, pause * 2)
            else:
                self._name_bot(self.runtime.settings.telegram_bot_name or bot.username)
                return

    def _name_bot(self, name: str) -> None:
        self.runtime.templates.environment.globals["bot_name"] = name
        self.pages.state.bot_name = name

    def _begin(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        self._tasks[name] = asyncio.create_task(self._keep_up(name, part), name=name)

    async def _keep_up(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        """Run a part to its end; one that falls over is a bug, is logged, and starts again."""
        while True:
            try:
                await part()
                return
            except Exception:
                log.exception("app.part_fell_over", part=name)
                await asyncio.sleep(BREATHER)

    async def _end(self, *names: str) -> None:
        tasks = [self._tasks[name] for name in names if name in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def build_pacer(settings: Settings) -> Pacer:
    """What Telegram allows, as the settings say."""
    return Pacer(per_second=settings.telegram_per_second, per_chat=settings.telegram_per_chat)


def build_worker(runtime: Runtime, presence: Presence, bot: CouncilBot | None = None, pacer: Pacer | None = None) -> Worker:
    """The sender: who renders each kind of delivery, by which road it leaves, and what happens when an address is dead."""
    letters = Letters(runtime.templates)
    renderers: dict[str, rendering.Renderer] = {
        **rendering.generic_renderers(letters),
        ready.KIND: ready.render,
        "survey.invitation": invitations.renderer(runtime.templates, runtime.links, letters, runtime.clock),
        "survey.outcome": outcomes.renderer(runtime.templates, runtime.links, letters, smallest=runtime.settings.smallest_count),
        **editions.renderers(runtime.templates, letters, runtime.links),
    }
    channels: dict[Road, Channel] = {}
    if bot is not None:
        channels[Road.TELEGRAM] = TelegramChannel(bot, pacer or build_pacer(runtime.settings))
    if notify_key := runtime.settings.notify_api_key.get_secret_value():
        account = NotifyAccount(notify_key, runtime.settings.notify_template_id, runtime.settings.notify_url)
        channels[Road.EMAIL] = NotifyChannel(account)
    elif smtp_url := runtime.settings.smtp_url.get_secret_value():
        smtp = SmtpChannel(SmtpAddress(smtp_url), email_from=runtime.settings.email_from)
        signer = dkim.signer(runtime.settings)
        channels[Road.EMAIL] = SigningChannel(smtp, signer.sign) if signer else smtp
    return Worker(
        runtime.sessions,
        runtime.clock,
        presence,
        renderers=renderers,
        channels=channels,
        email_from=runtime.settings.email_from,
        return_path=paths.of if (paths := return_path(runtime.settings)) else None,
        may_send_to=runtime.settings.may_send_to,
        on_dead=_mourner(runtime.templates),
        beat=None if runtime.settings.is_staging else epoch.Keeper(runtime.sessions, runtime.clock, runtime.settings.epoch_path).beat,
    )


def return_path(settings: Settings) -> ReturnPath | None:
    """Where reports about each email come, if the council set that up."""
    return ReturnPath(settings.bounce_address, settings.signing_key()) if settings.bounce_address else None


def _mourner(templates: Templates) -> OnDead:
    """An address is dead: whoever it belonged to is not written to there any more, and hears of a lost mailbox in the chat."""

    async def mourn(session: AsyncSession, road: Road, address: str, _reason: str, now: datetime) -> None:
        if road is Road.TELEGRAM:
            await reaching.telegram_gone(session, int(address), now=now)
        else:
            await stopping.mourn(session, address, templates=templates, now=now)

    return mourn
