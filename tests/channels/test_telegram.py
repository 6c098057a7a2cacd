"""Telegram over real HTTP: what each answer of the Bot API means, and that the token never shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import telegram
from aiohttp import web

from intouch import settings as settings_module
from intouch.channels.aiohttp_request import AiohttpRequest, FloodWait, MayHaveArrived, NotConnected
from intouch.channels.outcomes import Envelope, Verdict
from intouch.channels.pacing import Pacer
from intouch.channels.telegram import CouncilBot, TelegramChannel, open_bot, send_message, to_markup
from intouch.templating import Button, TelegramMessage
from tests.channels.scripted_bot_api import TOKEN, ScriptedBotApi, error, html, reset, serving, stall, text_of
from tests.channels.sending import each

HELLO = TelegramMessage("<b>Hello</b>")


@asynccontextmanager
async def bot_on(*answers: Any) -> AsyncIterator[tuple[CouncilBot, ScriptedBotApi]]:
    async with serving(ScriptedBotApi(list(answers))) as api:
        bot = open_bot(settings_module.load(telegram_token=TOKEN, telegram_api_url=api.url))
        # Whoever stalls has to be sat out; otherwise no machine is too busy.
        bot._request = (bot._request[0], AiohttpRequest(connect=10, read=0.5 if stall in answers else 20))
        try:
            yield bot, api
        finally:
            await bot._request[0].shutdown()
            await bot._request[1].shutdown()


V = Verdict


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (None, V.SENT),
        (error(403, "Forbidden: bot was blocked by the user"), V.DEAD),
        (error(403, "Forbidden: user is deactivated"), V.DEAD),
        (error(400, "Bad Request: chat not found"), V.DEAD),
        (error(400, "Bad Request: can't parse entities"), V.FAILED),
        (error(429, "Too Many Requests: retry after 7", retry_after=7), V.RETRY),
        (error(500, "Internal Server Error"), V.RETRY),
        (html(502), V.RETRY),
        (html(200), V.UNKNOWN),
        (web.json_response({"ok": True}), V.UNKNOWN),
        (web.json_response(["what?"]), V.UNKNOWN),
        (web.json_response(None), V.UNKNOWN),
        (web.Response(), V.UNKNOWN),
        (error(409, "Conflict: terminated by other getUpdates request"), V.RETRY),
        (error(401, "Unauthorized"), V.NOT_TRIED),
        # What stands before the Bot API refused us: that says nothing about anybody's chat.
        (html(400), V.NOT_TRIED),
        (html(403), V.NOT_TRIED),
        (web.json_response({"message": "Forbidden"}, status=403), V.NOT_TRIED),
        (web.json_response(["Forbidden"], status=403), V.NOT_TRIED),
        (web.Response(status=302, headers={"Location": "http://portal.example/"}), V.NOT_TRIED),
        (stall, V.UNKNOWN),
        (reset, V.UNKNOWN),
    ],
)
async def test_every_answer_has_an_outcome(answer: Any, verdict: Verdict) -> None:
    async with bot_on(answer) as (bot, _):
        outcome = await send_message(bot, 5, HELLO)
    assert outcome.verdict is verdict, outcome
    assert TOKEN not in outcome.error
    if verdict is V.SENT:
        assert outcome.provider_id == "1"


async def test_retry_after_is_passed_on() -> None:
    async with bot_on(error(429, "Too Many Requests", retry_after=7)) as (bot, _):
        assert (await send_message(bot, 5, HELLO)).after == 7


async def test_a_port_where_nobody_listens_was_not_tried() -> None:
    async with bot_on() as (bot, _):
        pass
    outcome = await send_message(bot, 5, HELLO)
    await bot._request[1].shutdown()
    assert outcome.verdict is V.NOT_TRIED


async def test_a_group_that_moved_is_written_to_at_its_new_number() -> None:
    moved = error(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1009)
    async with bot_on(moved) as (bot, api):
        outcome = await send_message(bot, -9, HELLO)
    assert (outcome.verdict, outcome.moved_to) == (V.SENT, "-1009")
    assert [message["chat_id"] for message in api.heard] == [-9, -1009]


async def test_a_message_goes_out_as_html_with_its_buttons() -> None:
    message = TelegramMessage(
        "<b>Bins</b>", ((Button("Yes", "survey:1:2"), Button("Why", url="https://x.example")), (Button("No", "survey:1:3"),))
    )
    async with bot_on() as (bot, api):
        await send_message(bot, 5, message)
    heard = api.heard[0]
    assert (heard["text"], heard["parse_mode"], heard["method"]) == ("<b>Bins</b>", "HTML", "sendMessage")
    assert heard["reply_markup"] == {
        "inline_keyboard": [
            [{"text": "Yes", "callback_data": "survey:1:2"}, {"text": "Why", "url": "https://x.example"}],
            [{"text": "No", "callback_data": "survey:1:3"}],
        ]
    }


def test_a_location_is_asked_for_with_a_keyboard_that_goes_away_again() -> None:
    asked = to_markup(TelegramMessage("Where?", location_label="Share my location"))
    button = {"text": "Share my location", "request_location": True}
    assert asked == {"keyboard": [[button]], "resize_keyboard": True, "one_time_keyboard": True}
    assert to_markup(TelegramMessage("Thanks", clears_keyboard=True)) == {"remove_keyboard": True}
    assert to_markup(HELLO) is None


async def test_files_go_up_and_come_down() -> None:
    async with bot_on() as (bot, api):
        await bot.send_document(5, b"\x00\xff{}", filename="everything.json", caption="Yours")
        assert api.heard[0]["filename"] == "everything.json"
        assert api.heard[0]["contents"] == b"\x00\xff{}"
        file = telegram.File("f", "u", file_path=f"{api.url}/file/bot{TOKEN}/photos/1.jpg")
        file.set_bot(bot)
        assert bytes(await file.download_as_bytearray()) == b"\x00\xffbytes"


async def test_connections_are_reused() -> None:
    async with bot_on() as (bot, api):
        for _ in range(10):
            await send_message(bot, 5, HELLO)
    assert len(api.peers) == 1


async def test_the_token_shows_in_no_error_and_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # proxies of the environment are ignored
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with bot_on(error(401, "Unauthorized"), stall, reset, html(500), html(200), error(429, "x", retry_after=1)) as (bot, _):
        seen = [repr(bot)]
        with pytest.raises(telegram.error.InvalidToken) as refused:
            await bot.initialize()
        seen.append(text_of(refused.value))
        for _ in range(5):
            with pytest.raises(telegram.error.TelegramError) as raised:
                await bot.send_message(5, "x")
            seen.append(text_of(raised.value))
    with pytest.raises(NotConnected) as raised:
        await bot.send_message(5, "x")
    await bot._request[1].shutdown()
    seen.append(text_of(raised.value))
    assert not [text for text in seen if TOKEN in text or TOKEN.partition(":")[2] in text]


async def test_errors_tell_apart_what_may_have_arrived() -> None:
    async with bot_on(stall, error(429, "x", retry_after=3)) as (bot, _):
        with pytest.raises(MayHaveArrived):
            await bot.send_message(5, "x")
        with pytest.raises(FloodWait) as wait:
            await bot.send_message(5, "x")
        assert wait.value.retry_after == 3


async def collect(channel: TelegramChannel, envelopes: list[Envelope]) -> dict[int, Verdict]:
    return {number: outcome.verdict async for number, outcome in each(channel, envelopes)}


async def test_a_batch_is_paced_and_each_outcome_comes_back_under_its_number() -> None:
    async with bot_on(error(403, "Forbidden: bot was blocked by the user")) as (bot, _):
        channel = TelegramChannel(bot, Pacer(per_second=100))
        verdicts = await collect(channel, [Envelope(number, str(number), HELLO) for number in (1, 2, 3)])
    assert sorted(verdicts.values()) == [V.DEAD, V.SENT, V.SENT]


async def test_a_429_of_bulk_does_not_hold_up_a_notice() -> None:
    async with bot_on(error(429, "Too Many Requests", retry_after=30)) as (bot, _):
        channel = TelegramChannel(bot, Pacer(per_second=100))
        assert await collect(channel, [Envelope(1, "1", HELLO, rank=2)]) == {1: V.RETRY}
        bulk = asyncio.create_task(collect(channel, [Envelope(2, "2", HELLO, rank=2)]))
        async with asyncio.timeout(15):
            assert await collect(channel, [Envelope(3, "3", HELLO, rank=1)]) == {3: V.SENT}
        assert not bulk.done()
        channel.halt()
        assert await bulk == {2: V.NOT_TRIED}


async def test_a_reply_from_the_outbox_does_not_wait_for_bulk_that_is_not_answered() -> None:
    async with bot_on(stall, stall) as (bot, api):
        bot._request = (bot._request[0], AiohttpRequest(connect=20, read=20))
        channel = TelegramChannel(bot, Pacer(per_second=2))
        bulk = asyncio.create_task(collect(channel, [Envelope(number, str(number), HELLO, rank=2) for number in (1, 2, 3)]))
        async with asyncio.timeout(15):
            while len(api.heard) < 2:
                await asyncio.sleep(0.01)
            assert await collect(channel, [Envelope(4, "4", HELLO, rank=0)]) == {4: V.SENT}
        # On a busy machine the third's turn may have come meanwhile; the first two have no answer yet.
        assert [message["chat_id"] for message in api.heard if message["chat_id"] != 3] == [1, 2, 4]
        channel.halt()
        bulk.cancel()
        await asyncio.wait([bulk])


@pytest.mark.parametrize(
    ("code", "words"), [(400, "Bad Request: chat not found"), (403, "Forbidden: bot can't initiate conversation with a user")]
)
async def test_a_bot_that_knows_nobody_ends_five_addresses_at_most(code: int, words: str) -> None:
    """Such as another council's, whose token was set by mistake: it would have ended the chat of everybody."""
    stranger, blocked = error(code, words), error(403, "Forbidden: bot was blocked by the user")
    async with bot_on(*[stranger] * 8, blocked, None, stranger) as (bot, _):
        channel = TelegramChannel(bot, Pacer(per_second=1000))
        verdicts = [await collect(channel, [Envelope(number, str(number), HELLO)]) for number in range(11)]
    assert [one for verdict in verdicts for one in verdict.values()] == [*[V.DEAD] * 5, *[V.RETRY] * 3, V.DEAD, V.SENT, V.DEAD]


async def test_what_cannot_be_a_chat_or_a_message_fails_alone() -> None:
    async with bot_on() as (bot, _):
        channel = TelegramChannel(bot)
        envelopes = [Envelope(1, "grace@x.example", HELLO), Envelope(2, "2", b"bytes"), Envelope(3, "3", HELLO, is_ours=lambda: False)]
        assert await collect(channel, envelopes) == {1: V.FAILED, 2: V.FAILED, 3: V.NOT_TRIED}


async def test_a_bot_that_is_stopped_before_it_was_ready_leaves_nothing_open() -> None:
    async with serving(ScriptedBotApi([stall])) as api:
        bot = open_bot(settings_module.load(telegram_token=TOKEN, telegram_api_url=api.url))
        begun = asyncio.create_task(bot.initialize())
        await asyncio.sleep(0.2)
        begun.cancel()
        await asyncio.wait([begun])
        await bot.shutdown()
        assert [road._session for road in bot._request if isinstance(road, AiohttpRequest)] == [None, None]


async def test_a_bot_api_that_says_no_more_than_a_name_is_met() -> None:
    """Such as telegram-test-api, with which many try out their bots."""
    me = {"username": "TestNameBot", "first_name": "Test First name", "id": 666}
    async with bot_on(web.json_response({"ok": True, "result": me})) as (bot, api):
        await bot.initialize()
        assert bot.username == "TestNameBot"
    assert [call["method"] for call in api.heard] == ["getMe"]
