"""Telegram brings the updates: the same stories over a webhook, and what strangers get who knock there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from intouch import app
from intouch import settings as settings_module
from intouch.bot.webhook import HEADER, MOST_BYTES, PATH
from intouch.clock import ShiftedClock
from intouch.demo.mailbox import mailbox
from intouch.demo.telegram import simulated_telegram
from intouch.residents.models import HandledUpdate, Resident, ResidentStatus
from tests.conftest import ON_ONE_DATABASE
from tests.journeys.conftest import House, free_port, small_council
from tests.journeys.stories import signs_up

SECRET = "a-secret-for-tests"


@pytest.fixture
async def hooked(database_url: str, tmp_path: Path, clock: ShiftedClock) -> AsyncIterator[House]:
    """In Touch in webhook mode: only the bot and the pages."""
    address = f"127.0.0.1:{free_port()}"
    async with simulated_telegram() as telegram, mailbox() as box, httpx.AsyncClient(verify=False, base_url=f"http://{address}") as browser:
        settings = settings_module.load(
            data_dir=tmp_path / "data",
            database_url=database_url,
            secret_key="a-key-for-tests",
            telegram_token=telegram.token,
            telegram_api_url=telegram.url,
            telegram_webhook=SECRET,
            public_url=f"http://{address}",
            listen=address,
        )
        application = app.Application(settings, clock=clock, parts=("bot", "web"))
        running = House(application, telegram, box, clock, settings, browser)
        async with application.runtime.sessions.write() as session:
            await small_council(session, clock.now())
        await application.start()
        yield running
        await running.application.stop()


def _start(update_id: int, telegram_id: int, date: int = 1763683200) -> dict[str, object]:
    person = {"id": telegram_id, "is_bot": False, "first_name": "Mallory", "language_code": "en"}
    chat = {"id": telegram_id, "type": "private", "first_name": "Mallory"}
    return {"update_id": update_id, "message": {"message_id": 1, "from": person, "chat": chat, "date": date, "text": "/start"}}


def _tap(update_id: int, telegram_id: int) -> dict[str, object]:
    person = {"id": telegram_id, "is_bot": False, "first_name": "Alice", "language_code": "en"}
    chat = {"id": telegram_id, "type": "private", "first_name": "Alice"}
    message = {"message_id": 5, "chat": chat, "date": 1763683200, "text": "How often?"}
    query = {"id": "77", "from": person, "message": message, "chat_instance": "1", "data": "survey:open"}
    return {"update_id": update_id, "callback_query": query}


async def test_a_whole_sign_up_over_the_webhook(hooked: House) -> None:
    alice = hooked.telegram.person(1001, "Alice")
    await signs_up(alice)
    async with hooked.runtime.sessions.read() as session:
        assert await session.scalar(sa.select(Resident.status)) is ResidentStatus.ACTIVE


@ON_ONE_DATABASE
@pytest.mark.parametrize("secret", ["", "wrong", SECRET + "x", "ü"])
async def test_who_does_not_know_the_secret_is_turned_away(hooked: House, secret: str) -> None:
    answer = await hooked.browser.post(PATH, json=_start(900_001, 1001), headers={HEADER.encode(): secret.encode()})
    assert answer.status_code == 403
    async with hooked.runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(HandledUpdate)) == 0


@ON_ONE_DATABASE
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"{}", b'{"update_id": "x"}', b"[" * 50_000])
async def test_rubbish_does_no_harm(hooked: House, body: bytes) -> None:
    answer = await hooked.browser.post(PATH, content=body, headers={HEADER: SECRET})
    assert answer.status_code == 400
    assert (await hooked.browser.get("/health/live")).status_code == 200


@ON_ONE_DATABASE
async def test_what_is_too_long_is_refused_and_a_browser_gets_a_page(hooked: House) -> None:
    answer = await hooked.browser.post(PATH, content=b" " * (MOST_BYTES + 1), headers={HEADER: SECRET})
    assert answer.status_code == 413
    wrong = await hooked.browser.get(PATH)
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "OPTIONS, POST")
    assert "Content-Security-Policy" in wrong.headers


async def test_an_update_that_the_library_cannot_read_is_not_asked_for_again(hooked: House) -> None:
    body = {"update_id": 900_002, "message": {"message_id": 7, "date": 2**40, "chat": {"id": 1001, "type": "private"}}}
    answer = await hooked.browser.post(PATH, json=body, headers={HEADER: SECRET})
    assert answer.status_code == 200
    assert (await hooked.browser.get("/health/live")).status_code == 200


async def test_an_update_is_answered_when_its_effect_is_stored_and_has_it_once(hooked: House) -> None:
    hooked.telegram.person(1001, "Mallory")
    for _ in range(2):
        answer = await hooked.browser.post(PATH, json=_start(900_001, 1001), headers={HEADER: SECRET})
        assert (answer.status_code, answer.content) == (200, b"")
        async with hooked.runtime.sessions.read() as session:
            assert await session.scalar(sa.select(sa.func.count()).select_from(HandledUpdate)) == 1
            assert await session.scalar(sa.select(sa.func.count()).select_from(Resident)) == 1


async def test_a_bot_api_that_counts_anew_is_heard(hooked: House) -> None:
    """As one for tests does when it is started again: what it brings now has the numbers of what was handled before."""
    people = [hooked.telegram.person(number, "Mallory", has_started=True) for number in (1001, 1002)]
    for telegram_id, date in ((1001, 1763683200), (1001, 1763769600), (1002, 1763769600), (1002, 1763769600)):
        assert (await hooked.browser.post(PATH, json=_start(1, telegram_id, date), headers={HEADER: SECRET})).status_code == 200
    assert [sum("Who sees it" in message.text for message in person.messages) for person in people] == [2, 1]


def _block(update_id: int, telegram_id: int) -> dict[str, object]:
    chat = {"id": telegram_id, "type": "private", "first_name": "Alice"}
    bot = {"id": 1, "is_bot": True, "first_name": "In Touch"}
    states = {"old_chat_member": {"user": bot, "status": "member"}, "new_chat_member": {"user": bot, "status": "kicked", "until_date": 0}}
    who = {"id": telegram_id, "is_bot": False, "first_name": "Alice"}
    return {"update_id": update_id, "my_chat_member": {"chat": chat, "from": who, "date": 1763683200, **states}}


async def test_a_block_that_is_told_again_after_the_return_does_not_count_again(hooked: House) -> None:
    alice = hooked.telegram.person(1001, "Alice")
    await signs_up(alice)
    told = []
    for body in (_block(900_001, 1001), _start(900_002, 1001), _block(900_001, 1001)):
        assert (await hooked.browser.post(PATH, json=body, headers={HEADER: SECRET})).status_code == 200
        async with hooked.runtime.sessions.read() as session:
            told.append(await session.scalar(sa.select(Resident.telegram_blocked_at)))
    assert [blocked is not None for blocked in told] == [True, False, False]


async def test_the_answer_to_a_tap_rides_in_the_response(hooked: House) -> None:
    answer = await hooked.browser.post(PATH, json=_tap(900_002, 1001), headers={HEADER: SECRET})
    assert answer.json() == {"method": "answerCallbackQuery", "callback_query_id": "77"}


async def test_stopping_while_a_reply_hangs_is_quick_and_tidy(hooked: House, caplog: pytest.LogCaptureFixture) -> None:
    alice = hooked.telegram.person(1001, "Alice")
    await signs_up(alice)
    hooked.telegram.lose_next_answer("sendMessage", hangs_for=60)
    with capture_logs() as log:
        await alice.sends("/help")
        await alice.expects("What you can do here")
        async with asyncio.timeout(30):
            await hooked.application.stop()
    assert [line["event"] for line in log if line["log_level"] in ("warning", "error", "critical") or line.get("exc_info")] == [
        "bot.stopped_in_a_hurry"
    ]
    assert [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")] == []
    assert len(hooked.telegram.updates.pending) == 1  # Telegram will bring it again


@pytest.mark.parametrize(("method", "told"), [("setMyCommands", "bot.menu_not_set"), ("setWebhook", "bot.webhook_not_set")])
async def test_a_start_goes_on_when_telegram_answers_oddly(hooked: House, method: str, told: str) -> None:
    alice = hooked.telegram.person(1001, "Alice")
    await signs_up(alice)
    hooked.telegram.updates.set_webhook("", secret="", allowed=None, drop=False)
    hooked.telegram.answer_oddly(method, body='{"ok": true}')
    with capture_logs() as log:
        await hooked.restart()
        await alice.sends("/help")
        await alice.expects("What you can do here")
    assert [line["event"] for line in log if line["log_level"] in ("warning", "error")] == [told]


@pytest.mark.parametrize("url", ["", "https://elsewhere.example/bot"])
async def test_a_webhook_that_somebody_took_away_is_set_again(hooked: House, url: str) -> None:
    def look_often(application: app.Application) -> None:
        assert application.webhook is not None
        application.webhook.look_every = 0.1

    await hooked.restart(look_often)
    alice = hooked.telegram.person(1001, "Alice")
    await signs_up(alice)
    with capture_logs() as log:
        for odd in (0, 1):
            hooked.telegram.answer_oddly("getWebhookInfo", body='{"ok": true}', times=odd)
            hooked.telegram.updates.set_webhook(url, secret="", allowed=None, drop=False)
            await alice.sends("/help")
            await alice.expects("What you can do here")
    assert [line["event"] for line in log if line["log_level"] == "warning"] == ["bot.webhook_lost"] * 2


async def test_without_a_webhook_nobody_listens_there(house: House) -> None:
    assert (await house.browser.post(PATH, json={}, headers={HEADER: SECRET})).status_code == 404
