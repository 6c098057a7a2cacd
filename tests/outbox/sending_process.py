"""A sender in a process of its own, so that a test can kill it: ``python -m tests.outbox.sending_process DB SMTP_URL BOT_URL``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.channels.pacing import Pacer
from intouch.channels.smtp import SmtpChannel
from intouch.channels.telegram import TelegramChannel, open_bot
from intouch.clock import SystemClock
from intouch.letters import Letter
from intouch.outbox.models import Delivery, Road
from intouch.outbox.rendering import Rendered, render_messages
from intouch.outbox.worker import Habits, Worker
from intouch.settings import SmtpAddress, load
from intouch.storage.sessions import Sessions, open_engine

EMAIL_FROM = "In Touch <news@council.example>"
TOKEN = "123456:a-token-for-tests"


async def render(_session: AsyncSession, deliveries: Sequence[Delivery]) -> Mapping[int, Rendered]:
    return {delivery.id: Letter("Your ward", "<p>Hello</p>", f"Hello {delivery.id}\n") for delivery in deliveries}


async def main(database: str, smtp_url: str, bot_url: str) -> None:
    sessions = Sessions(open_engine(database))
    async with open_bot(load(telegram_token=TOKEN, telegram_api_url=bot_url)) as bot:
        worker = Worker(
            sessions,
            SystemClock(),
            renderers={"letter": render, "message": render_messages},
            channels={
                Road.EMAIL: SmtpChannel(SmtpAddress(smtp_url), email_from=EMAIL_FROM),
                Road.TELEGRAM: TelegramChannel(bot, Pacer(per_second=200)),
            },
            email_from=EMAIL_FROM,
            habits=Habits(lease=timedelta(seconds=2), poll=0.05, sweep_every=0.2),
        )
        await worker.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
