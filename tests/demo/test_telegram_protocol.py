"""The wire of the simulated Telegram: polling, webhooks, refusals, faults and limits."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest
import telegram as ptb
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from telegram.error import BadRequest, Conflict, InvalidToken, NetworkError, RetryAfter

from intouch.demo.telegram import SimulatedTelegram, simulated_telegram
from intouch.demo.telegram.person import Person
from intouch.demo.telegram.serving import serve
from tests.demo.conftest import another_bot


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def _call(http: aiohttp.ClientSession, telegram: SimulatedTelegram, method: str, **body: object) -> tuple[int, dict[str, object]]:
    async with http.post(f"{telegram.url}/bot{telegram.token}/{method}", json=body) as answer:
        return answer.status, await answer.json()


async def test_the_bot_knows_itself_by_get_and_by_post(http: aiohttp.ClientSession, telegram: SimulatedTelegram) -> None:
    async with http.get(f"{telegram.url}/bot{telegram.token}/getme") as answer:
        assert (await answer.json())["result"]["username"] == "InTouchDemoBot"
    assert (await _call(http, telegram, "getMe"))[0] == 200


async def test_an_unknown_method_is_not_found(http: aiohttp.ClientSession, telegram: SimulatedTelegram) -> None:
    assert await _call(http, telegram, "sendMesage") == (404, {"ok": False, "error_code": 404, "description": "Not Found"})


async def test_a_wrong_token_is_unauthorized(telegram: SimulatedTelegram) -> None:
    with pytest.raises(InvalidToken):
        async with another_bot(telegram, "123:wrong") as stranger:
            await stranger.get_me()


@pytest.mark.parametrize(
    ("method", "body", "reason"),
    [
        ("sendMessage", {"text": "hi"}, "chat_id is empty"),
        ("sendMessage", {"chat_id": 1001}, "message text is empty"),
        ("sendMessage", {"chat_id": "nobody", "text": "hi"}, "chat not found"),
        ("sendMessage", {"chat_id": 1001, "txt": "hi"}, 'unknown parameter "txt" of sendMessage'),
        ("sendMessage", {"chat_id": 1001, "text": "hi", "parse_mode": "Markup"}, "unsupported parse_mode"),
        ("sendMessage", {"chat_id": 1001, "text": "hi", "reply_markup": "{"}, "can't parse reply_markup JSON object"),
        (
            "sendMessage",
            {"chat_id": 1001, "text": "hi", "reply_markup": {"inline_keybord": []}},
            'can\'t parse reply markup: unknown field "inline_keybord"',
        ),
        (
            "sendMessage",
            {"chat_id": 1001, "text": "hi", "reply_markup": {"inline_keyboard": [[{"text": "a", "calback_data": "b"}]]}},
            'can\'t parse inline keyboard button: unknown field "calback_data"',
        ),
        (
            "sendMessage",
            {"chat_id": 1001, "text": "hi", "reply_markup": {"inline_keyboard": [[{"text": "a"}]]}},
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        ),
        (
            "sendMessage",
            {"chat_id": 1001, "text": "hi", "reply_markup": {"inline_keyboard": [[{"text": "a", "url": "javascript:alert(1)"}]]}},
            "inline keyboard button URL 'javascript:alert(1)' is invalid: Wrong HTTP URL",
        ),
        ("editMessageText", {"chat_id": 1001, "text": "hi"}, "message identifier is not specified"),
        ("editMessageText", {"chat_id": 1001, "text": "hi", "message_id": "x"}, 'invalid value of parameter "message_id" specified'),
        ("sendPhoto", {"chat_id": 1001}, "there is no photo in the request"),
        ("sendPhoto", {"chat_id": 1001, "photo": "attach://gone"}, "wrong file identifier/HTTP URL specified"),
        ("sendChatAction", {"chat_id": 1001, "action": "dance"}, "wrong parameter action in request"),
        ("sendLocation", {"chat_id": 1001, "latitude": 95, "longitude": 0}, "wrong latitude or longitude specified"),
        ("getFile", {}, "file_id not specified"),
        ("setMyCommands", {"commands": [{"command": "Start", "description": "x"}]}, "BOT_COMMAND_INVALID"),
        ("setMyCommands", {"commands": [{"command": "start", "descr": "x"}]}, 'can\'t parse BotCommand: unknown field "descr"'),
        ("setWebhook", {"url": "http://example.org/hook"}, "bad webhook: An HTTPS URL must be provided for webhook"),
    ],
)
async def test_missing_and_unknown_fields_are_refused(
    http: aiohttp.ClientSession, telegram: SimulatedTelegram, alice: Person, method: str, body: dict[str, object], reason: str
) -> None:
    status, answer = await _call(http, telegram, method, **body)
    assert (status, answer["description"]) == (400, f"Bad Request: {reason}")


async def test_a_form_and_a_query_are_read_like_json(http: aiohttp.ClientSession, telegram: SimulatedTelegram, alice: Person) -> None:
    url = f"{telegram.url}/bot{telegram.token}/sendMessage"
    markup = json.dumps({"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]})
    async with http.post(url, data={"chat_id": "1001", "text": "by form", "reply_markup": markup}) as answer:
        assert answer.status == 200
    assert alice.last.buttons == ["Go"]
    async with http.get(url, params={"chat_id": "1001", "text": "by query"}) as answer:
        assert answer.status == 200
    assert alice.last.text == "by query"


async def test_updates_come_until_they_are_confirmed(bot: ptb.Bot, alice: Person) -> None:
    await alice.sends("one")
    await alice.sends("two")
    first, second = await bot.get_updates()
    assert [update.update_id for update in await bot.get_updates()] == [first.update_id, second.update_id]
    assert [update.update_id for update in await bot.get_updates(offset=second.update_id)] == [second.update_id]
    assert await bot.get_updates(offset=second.update_id + 1) == ()


async def test_a_limit_and_a_negative_offset_are_kept(bot: ptb.Bot, alice: Person) -> None:
    for number in range(5):
        await alice.sends(str(number))
    assert [update.message.text for update in await bot.get_updates(limit=2)] == ["0", "1"]  # type: ignore[union-attr]
    assert [update.message.text for update in await bot.get_updates(offset=-2)] == ["3", "4"]  # type: ignore[union-attr]
    assert len(await bot.get_updates()) == 2


async def test_a_long_poll_waits_for_the_next_update(bot: ptb.Bot, alice: Person) -> None:
    poll = asyncio.create_task(bot.get_updates(timeout=10))
    await asyncio.sleep(0.1)
    assert not poll.done()
    await alice.sends("/start now")
    (update,) = await asyncio.wait_for(poll, 2)
    assert update.message is not None
    assert [update.message.parse_entity(entity) for entity in update.message.entities] == ["/start"]


async def test_only_wanted_kinds_of_updates_come(bot: ptb.Bot, alice: Person) -> None:
    await bot.get_updates(allowed_updates=["message"])
    message = await alice.sends("one")
    await alice.edits(message, "two")
    alice.blocks_bot()
    assert len(await bot.get_updates()) == 1
    await bot.get_updates(allowed_updates=[])
    alice.blocks_bot()
    assert (await bot.get_updates())[-1].my_chat_member.new_chat_member.status == "kicked"  # type: ignore[union-attr]


async def test_a_second_poller_ends_the_first_with_conflict(telegram: SimulatedTelegram, bot: ptb.Bot, alice: Person) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=10))
    await asyncio.sleep(0.1)
    async with another_bot(telegram) as second:
        poll = asyncio.create_task(second.get_updates(timeout=10))
        with pytest.raises(Conflict, match="terminated by other getUpdates request; make sure that only one bot instance is running"):
            await first
        await alice.sends("hello")
        assert len(await poll) == 1


async def test_an_update_can_come_twice(telegram: SimulatedTelegram, bot: ptb.Bot, alice: Person) -> None:
    await alice.sends("one")
    (update,) = await bot.get_updates()
    assert await bot.get_updates(offset=update.update_id + 1) == ()
    telegram.redeliver_last()
    assert [again.update_id for again in await bot.get_updates(offset=update.update_id + 1)] == [update.update_id]
    telegram.deliver_twice()
    await alice.sends("two")
    (once,) = await bot.get_updates(offset=update.update_id + 1)
    (twice,) = await bot.get_updates(offset=once.update_id + 1)
    assert once.update_id == twice.update_id
    assert await bot.get_updates(offset=once.update_id + 1) == ()
    await telegram.wait_until_heard()


async def test_a_webhook_gets_every_update_until_it_takes_it(telegram: SimulatedTelegram, bot: ptb.Bot, alice: Person) -> None:
    got: list[tuple[str, str]] = []

    async def hook(request: Request) -> Response:
        update = await request.json()
        got.append((update["message"]["text"], request.headers["X-Telegram-Bot-Api-Secret-Token"]))
        return Response(status_code=503 if len(got) == 1 else 200)

    async with serve(Starlette(routes=[Route("/hook", hook, methods=["POST"])])) as port:
        await bot.set_webhook(f"http://127.0.0.1:{port}/hook", secret_token="s3cret")
        with pytest.raises(Conflict, match="can't use getUpdates method while webhook is active"):
            await bot.get_updates()
        await alice.sends("one")
        await telegram.wait_until_heard()
        assert got == [("one", "s3cret")] * 2
        assert (await bot.get_webhook_info()).pending_update_count == 0
        await bot.delete_webhook()
    assert await bot.get_updates() == ()


async def test_calls_fail_on_request_and_then_work_again(telegram: SimulatedTelegram, bot: ptb.Bot, alice: Person) -> None:
    telegram.fail_next("sendMessage", code=429, retry_after=7)
    with pytest.raises(RetryAfter) as refused:
        await bot.send_message(alice.id, "hello")
    assert refused.value.retry_after == timedelta(seconds=7)
    telegram.fail_next(code=500, chat_id=alice.id, times=2)
    await bot.get_me()
    for _ in range(2):
        with pytest.raises(NetworkError, match="Internal Server Error"):
            await bot.send_message(alice.id, "hello")
    await bot.send_message(alice.id, "hello")
    assert len(alice.messages) == 1


async def test_an_answer_can_be_lost_after_the_message_arrived(telegram: SimulatedTelegram, bot: ptb.Bot, alice: Person) -> None:
    telegram.lose_next_answer("sendMessage")
    with pytest.raises(NetworkError) as lost:
        await bot.send_message(alice.id, "hello")
    assert not isinstance(lost.value, BadRequest)
    assert alice.last.text == "hello"


async def test_an_outage_ends(telegram: SimulatedTelegram, bot: ptb.Bot) -> None:
    telegram.down(60)
    with pytest.raises(NetworkError, match="Bad Gateway"):
        await bot.get_me()
    telegram.down(0)
    await bot.get_me()


async def test_latency_is_added(telegram: SimulatedTelegram, bot: ptb.Bot) -> None:
    telegram.slow(0.2)
    started = time.monotonic()
    await bot.get_me()
    assert time.monotonic() - started >= 0.2


async def test_limits_are_enforced_when_asked_for(telegram: SimulatedTelegram, bot: ptb.Bot, alice: Person) -> None:
    limits = telegram.enforce_limits(per_second=3)
    await bot.send_message(alice.id, "one")
    with pytest.raises(RetryAfter):
        await bot.send_message(alice.id, "two")
    for number in range(2):
        await bot.send_message(telegram.person(2000 + number, has_started=True).id, "hello")
    with pytest.raises(RetryAfter):
        await bot.send_message(telegram.person(3000, has_started=True).id, "hello")
    assert limits.refused == 2


async def test_commands_and_descriptions_are_kept(telegram: SimulatedTelegram, bot: ptb.Bot) -> None:
    await bot.set_my_commands([("start", "Sign up"), ("help", "What you can do")])
    assert [command.command for command in await bot.get_my_commands()] == ["start", "help"]
    await bot.set_my_description("Your council asks")
    await bot.set_my_short_description("Ask and be asked")
    assert telegram.world.descriptions == {"description": "Your council asks", "short_description": "Ask and be asked"}
    await bot.delete_my_commands()
    assert await bot.get_my_commands() == ()


async def test_two_simulated_telegrams_know_nothing_of_each_other() -> None:
    async with simulated_telegram() as first, simulated_telegram() as second:
        first.person(1, "Alice")
        assert first.url != second.url
        assert second.world.users == {}
