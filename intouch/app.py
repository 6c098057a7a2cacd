"""App: the composition root; builds everything once, starts and stops what runs together."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from functools import partial

from starlette.types import ASGIApp

from intouch import logs, sender
from intouch.bot.dispatcher import Dispatcher
from intouch.bot.polling import Poller
from intouch.bot.webhook import Webhook
from intouch.chats import Chats
from intouch.clock import Clock
from intouch.issues import categories
from intouch.outbox.habits import Habits
from intouch.outbox.presence import Presence
from intouch.parts import PARTS, STOP_WITHIN, Upkeep
from intouch.post import Post
from intouch.runtime import build_runtime
from intouch.schedule import Schedule
from intouch.settings import Settings
from intouch.storage import revision
from intouch.web import application as web_application
from intouch.web import serving
from intouch.web.metrics import Gauges

log = logs.get("app")


class Application:
    """In Touch, whole or in parts: what ``intouch run``, the demo and the journeys start.

    ``pages`` are the public pages; ``web`` is what is served, such as the webhook or the demo's own page in front of them.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        parts: Sequence[str] = PARTS,
        habits: Habits | None = None,
    ) -> None:
        """``habits``: of the sender, else than usual only in tests."""
        self.runtime = build_runtime(settings, clock)
        self.parts = parts
        self.presence = Presence(settings.data_dir)
        self.chats = Chats(self.runtime, self.presence) if settings.telegram_token.get_secret_value() else None
        self.post = Post(settings)
        chats = self.chats.channel if self.chats else None
        self.worker = sender.build_worker(self.runtime, self.presence, chats, self.post.channel, habits=habits)
        self.schedule = Schedule(self.runtime, after=self.worker.nudge)
        self.pages = web_application.create(self.runtime)
        self.web: ASGIApp = self.pages
        self.pages.state.gauges = Gauges(outcomes=lambda: self.worker.counts, ticks=self.schedule.lateness_now)
        self.webhook: Webhook | None = None
        if self.chats is not None and settings.telegram_webhook.get_secret_value() and {"bot", "web"} <= set(parts):
            self.webhook = Webhook(self.runtime, self.chats.bot, self._dispatcher(self.chats))
            self.pages.router.routes.append(self.webhook.route)  # for whoever asks which methods it takes
            self.web = self.webhook.before(self.pages)
        self._upkeep = Upkeep()

    async def start(self) -> None:
        """Make the database ready and start the parts; raises ``InTouchError`` when that can't be done."""
        categories.load(self.runtime.settings.categories_file)  # a mistake in it is for us to read, not for the first resident
        await revision.make_ready(self.runtime.sessions.engine)
        await sender.keep_time(self.runtime, self._upkeep)
        self.presence.begin()
        if "web" in self.parts:
            # Bound here and not in the task: a port that is taken is told to whoever starts us.
            self._upkeep.begin("web", serving.WebServer(self.web, serving.bind(self.runtime.settings.listen)).run)
        if self.chats is not None and {"bot", "sender"} & set(self.parts):
            self._upkeep.begin("bot", self._run_bot)
            self._upkeep.begin("pace", partial(self.chats.share_pace, only_replies="sender" not in self.parts))
        if "sender" in self.parts:
            self._upkeep.begin("email rate", partial(self.post.share_rate, self.runtime, self.presence))
            self._upkeep.begin("sender", self.worker.run)
            await sender.hear_of_bounces(self.runtime, self._upkeep)
        if "schedule" in self.parts:
            await self.schedule.start()
        log.info("app.started", parts=",".join(self.parts), bot=self.chats is not None)

    async def stop(self) -> None:
        """Take in nothing more, finish what is under way, and let go of everything, within ten seconds."""
        try:
            async with asyncio.timeout(STOP_WITHIN):
                ends = self._upkeep.end("web"), self._upkeep.end("bot")
                await asyncio.gather(self.schedule.stop(), self.worker.stop(within=STOP_WITHIN - 2), *ends)
        except TimeoutError:
            log.warning("app.stopped_in_a_hurry")
        await sender.let_go(self.runtime, self.presence, self.chats, self._upkeep)

    async def _run_bot(self) -> None:
        """Open the bot as soon as Telegram answers, and poll if that is our part."""
        assert self.chats is not None
        await self.chats.meet()
        self.pages.state.bot_name = self.chats.name
        if "bot" not in self.parts:
            return
        # Hundreds of updates under way are no garbage either: looking through them after every 10,000 objects cost a sixteenth.
        gc.set_threshold(50_000, 20, 20)
        if self.webhook is not None:
            await self.webhook.run()
        elif self.runtime.settings.telegram_webhook.get_secret_value():
            log.warning("app.webhook_needs_web")  # the parts bot and web together take Telegram's updates
        else:
            await Poller(self.runtime, self.chats.bot, self._dispatcher(self.chats), self.presence).run()

    def _dispatcher(self, chats: Chats) -> Dispatcher:
        return Dispatcher(self.runtime, chats.bot, self.worker.nudge, chats.pacer)
