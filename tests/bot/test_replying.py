"""Replies that could not be sent at once."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from intouch import settings as settings_module
from intouch.bot import replying
from intouch.bot.turn import Content, Incoming, Reply
from intouch.channels.telegram import open_bot
from intouch.outbox.models import Lane
from intouch.runtime import Runtime
from intouch.templating import TelegramMessage
from tests.channels.scripted_bot_api import TOKEN, ScriptedBotApi, error, html, reset, serving
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


TAP = Incoming(1, 500, "Alice", "en", Content.TAP, data=("survey", "open"), tap_id="77", message_id=5)
TOO_MANY = error(429, "Too Many Requests", retry_after=1)
PAGE = "a web page"


class _Losing(ScriptedBotApi):
    """Loses the first call of one method, whatever order they come in."""

    def __init__(self, method: str, fault: Any) -> None:
        super().__init__()
        self._left = {method: fault}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        fault = self._left.pop(request.path.rpartition("/")[2], None)
        self.answers = [html(200) if fault == PAGE else fault] if fault is not None else []
        return await super().handle(request)

    def calls(self, method: str) -> int:
        return sum(call["method"] == method for call in self.heard)


@pytest.mark.parametrize("fault", [TOO_MANY, error(500, "Internal"), PAGE, reset])
async def test_a_button_does_not_go_on_turning_because_its_answer_was_lost_once(runtime: Runtime, fault: Any) -> None:
    async with serving(_Losing("answerCallbackQuery", fault)) as api:
        await _reply_to_a_tap(runtime, api)
        assert isinstance(api, _Losing) and api.calls("answerCallbackQuery") == 2


async def test_a_tap_is_not_answered_again_before_the_bot_api_allows_it(runtime: Runtime) -> None:
    began = time.monotonic()
    async with serving(_Losing("answerCallbackQuery", TOO_MANY)) as api:
        await _reply_to_a_tap(runtime, api)
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("answer", [error(400, "Bad Request: query is too old"), error(429, "Too Many Requests", retry_after=30)])
async def test_a_tap_that_is_too_old_or_would_be_is_not_answered_again(runtime: Runtime, answer: dict[str, Any]) -> None:
    async with serving(_Losing("answerCallbackQuery", answer)) as api:
        await _reply_to_a_tap(runtime, api)
        assert isinstance(api, _Losing) and api.calls("answerCallbackQuery") == 1


@pytest.mark.parametrize("fault", [PAGE, reset])
async def test_an_edit_that_may_have_arrived_is_made_again_and_nothing_is_said_twice(runtime: Runtime, fault: Any) -> None:
    async with serving(_Losing("editMessageText", fault)) as api:
        await _reply_to_a_tap(runtime, api)
        assert isinstance(api, _Losing) and (api.calls("editMessageText"), api.calls("sendMessage")) == (2, 0)
    assert await rows(runtime) == []


async def _reply_to_a_tap(runtime: Runtime, api: ScriptedBotApi) -> None:
    bot = open_bot(settings_module.load(telegram_token=TOKEN, telegram_api_url=api.url))
    await replying.send(runtime, bot, TAP, Reply(TelegramMessage("Next question"), edits=True))
    await bot.shutdown()
