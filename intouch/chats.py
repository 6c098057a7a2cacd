"""Chats: the bot as this process has it: opened from the settings, met once Telegram answers, paced with all who share its token."""

from __future__ import annotations

import asyncio
import contextlib

import telegram

from intouch import logs
from intouch.channels.calling import understood
from intouch.channels.pacing import Pacer
from intouch.channels.telegram import CouncilBot, TelegramChannel, open_bot
from intouch.outbox.presence import Presence
from intouch.outbox.sharing import SharedBotPace
from intouch.runtime import Runtime

log = logs.get("app")


class Chats:
    """One bot with its pacer, and the channel by which deliveries leave through it."""

    def __init__(self, runtime: Runtime, presence: Presence) -> None:
        settings = runtime.settings
        self._runtime = runtime
        self._presence = presence
        self.bot: CouncilBot = open_bot(settings)
        self.pacer = Pacer(per_second=settings.telegram_per_second, per_chat=settings.telegram_per_chat)
        self.channel = TelegramChannel(self.bot, self.pacer)

    async def meet(self) -> None:
        """Until the Bot API has said who the bot is; from then on our words name it."""
        pause = 1.0
        while True:
            try:
                await understood(self.bot.initialize())
            except (telegram.error.TelegramError, OSError) as error:
                log.warning("app.bot_unreachable", error=type(error).__name__, pause=pause)
                await asyncio.sleep(pause)
                pause = min(30.0, pause * 2)
            else:
                self._runtime.templates.environment.globals["bot_name"] = self.name
                return

    @property
    def name(self) -> str:
        """What people find the bot under; only once it was met."""
        return self._runtime.settings.telegram_bot_name or self.bot.username

    async def share_pace(self, *, only_replies: bool = False) -> None:
        """Divide the pace with the other processes of this token, for good; who only replies has a little of it set aside."""
        runtime, token_id = self._runtime, self.bot.token.partition(":")[0]
        name, has_ended = self._presence.name, self._presence.has_ended
        await SharedBotPace(
            runtime.sessions,
            runtime.clock,
            self.pacer,
            token_id=token_id,
            holder=name,
            has_ended=has_ended,
            only_replies=only_replies,
        ).run()

    async def close(self) -> None:
        with contextlib.suppress(telegram.error.TelegramError, OSError):
            await self.bot.shutdown()
