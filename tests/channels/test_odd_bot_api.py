"""A Bot API, or what stands before it, that says what no Bot API should: one message is concerned, and its neighbours are not."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from aiohttp import web

from intouch.channels.outcomes import Envelope, Outcome, Verdict
from intouch.channels.pacing import Pacer
from intouch.channels.telegram import TelegramChannel, send_message
from tests.channels.scripted_bot_api import TOKEN, error
from tests.channels.sending import each
from tests.channels.test_telegram import HELLO, bot_on

DAY = 86_400


async def answered(*answers: Any) -> Outcome:
    async with bot_on(*answers) as (bot, _):
        return await send_message(bot, 5, HELLO)


@pytest.mark.parametrize(
    ("asked", "wait"),
    [(7, 7), ("7", 7), (3.2, 4), (0, 1), (-5, 1), (10**12, DAY), (1e308, DAY), (10**400, 5), ("soon", 5), (None, 5), ([], 5), ({}, 5)],
)
async def test_a_wait_that_is_asked_for_is_from_a_second_to_a_day(asked: Any, wait: float) -> None:
    outcome = await answered(error(429, "Too Many Requests", retry_after=asked))
    assert (outcome.verdict, outcome.after) == (Verdict.RETRY, wait)


@pytest.mark.filterwarnings("ignore:.*retry_after")  # the library's own class warns about itself
async def test_a_wait_that_comes_with_another_error_is_no_longer() -> None:
    outcome = await answered(error(503, "Service Unavailable", retry_after=10**12))
    assert (outcome.verdict, outcome.after) == (Verdict.RETRY, DAY)


async def test_an_endless_number_in_one_answer_is_nothing_to_the_others() -> None:
    endless = web.Response(body=b'{"ok": true, "result": {"message_id": 1e400}}', content_type="application/json")
    async with bot_on(endless) as (bot, _):
        channel = TelegramChannel(bot, Pacer(per_second=1000))
        batch = [Envelope(number, str(number), HELLO) for number in range(1, 4)]
        verdicts = sorted([outcome.verdict async for _, outcome in each(channel, batch)])
    assert verdicts == [Verdict.SENT, Verdict.SENT, Verdict.UNKNOWN]


async def test_a_fault_of_ours_in_one_message_is_nothing_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bot_on() as (bot, _):
        channel = TelegramChannel(bot, Pacer(per_second=1000))

        def stumble(*_: Any, **__: Any) -> None:
            raise RuntimeError("a fault")

        batch = [Envelope(number, str(number), HELLO) for number in range(1, 4)]
        batch[0] = batch[0]._replace(is_ours=stumble)  # type: ignore[arg-type]
        found = dict([pair async for pair in each(channel, batch)])
    assert [found[number].verdict for number in (1, 2, 3)] == [Verdict.UNKNOWN, Verdict.SENT, Verdict.SENT]


@pytest.mark.parametrize("status", [403, 500, 502, 503, 504])
async def test_a_page_that_shows_what_was_asked_for_is_not_kept(status: int) -> None:
    """Some proxies show the address, and the token is in it; others the words."""
    page = web.Response(status=status, text=f"<html>no answer to /bot{TOKEN}/sendMessage with Hello</html>", content_type="text/html")
    outcome = await answered(page)
    assert TOKEN not in outcome.error
    assert "Hello" not in outcome.error
    assert str(status) in outcome.error


async def test_an_answer_that_is_no_http_came_from_somebody_who_may_have_taken_the_message() -> None:
    async def mumble(request: web.Request) -> None:
        assert request.transport is not None
        request.transport.write(b"hello, this is no HTTP\r\n\r\n")  # type: ignore[attr-defined]
        await asyncio.sleep(0.2)

    assert (await answered(mumble)).verdict is Verdict.UNKNOWN


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    async def talk(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b" " * 1_000_000)
        return response

    assert (await answered(talk)).verdict is Verdict.UNKNOWN
