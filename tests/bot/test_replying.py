"""Replies that could not be sent at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from intouch import settings as settings_module
from intouch.bot import replying
from intouch.bot.turn import Content, Incoming, Reply
from intouch.channels.telegram import open_bot
from intouch.outbox.models import Lane
from intouch.runtime import Runtime
from intouch.templating import TelegramMessage
from tests.channels.scripted_bot_api import TOKEN, ScriptedBotApi, error, serving
from tests.outbox.outboxes import rows


@pytest.mark.parametrize(("answer", "wait"), [(error(429, "Too Many Requests", retry_after=40), 40), (error(500, "Internal"), 0)])
async def test_a_reply_that_was_refused_waits_in_the_outbox_for_as_long_as_the_bot_api_asked(
    runtime: Runtime, now: datetime, answer: dict[str, Any], wait: int
) -> None:
    async with serving(ScriptedBotApi([answer])) as api:
        bot = open_bot(settings_module.load(telegram_token=TOKEN, telegram_api_url=api.url))
        await replying.send(runtime, bot, Incoming(1, 500, "Alice", "en", Content.TEXT, text="hello"), Reply(TelegramMessage("Hello")))
        await bot.shutdown()
    [row] = await rows(runtime)
    assert (row.lane, row.address) == (Lane.REPLY, "500")
    assert row.due_at - runtime.now() <= timedelta(seconds=wait)
    assert row.due_at - now >= timedelta(seconds=wait)
