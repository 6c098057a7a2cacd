"""The bot when the Bot API answers oddly, refuses twice or hangs: one line in the log, no silence, nobody else kept waiting."""

import asyncio
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs
from structlog.typing import EventDict

from intouch.outbox.models import Delivery
from intouch.residents.models import WaitingUpdate
from intouch.surveys.models import Answer
from tests.journeys.conftest import House, until
from tests.journeys.stories import photo, signs_up
from tests.journeys.test_from_start_to_answering import launches

# It is about the wire, which is the same over every database.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

# Others, such as nothing at all, are in tests/channels/test_telegram.py.
ODD = ["<html><h1>Please log in to the wireless network</h1></html>", '{"ok": true}']


@pytest.fixture
def log() -> Iterator[list[EventDict]]:
    with capture_logs() as lines:
        yield lines


def _told(log: list[EventDict], event: str) -> list[EventDict]:
    """The lines of this event; none of all lines has a traceback."""
    assert not [line for line in log if line.get("exc_info")]
    return [line for line in log if line["event"] == event]


@pytest.mark.parametrize("body", ODD)
async def test_a_reply_whose_answer_is_none_comes_later(house: House, log: list[EventDict], body: str) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    house.telegram.answer_oddly("sendMessage", body=body)
    await alice.sends("/help")
    await alice.expects("What you can do here", timeout=30)
    assert len(_told(log, "bot.reply_not_sent")) == 1


@pytest.mark.parametrize("body", ODD)
async def test_polling_goes_on_after_an_answer_that_is_none(house: House, log: list[EventDict], body: str) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    house.telegram.answer_oddly("getUpdates", body=body)
    for _ in range(2):  # the question that is open already may bring the first
        await alice.sends("/help")
        await alice.expects("What you can do here")

    async def is_told() -> bool:
        return len(_told(log, "bot.poll_failed")) == 1

    await until(is_told, what="the odd answer")


async def test_who_says_at_once_that_there_is_nothing_new_is_not_asked_all_the_time(house: House) -> None:
    """The Bot API answers when there is something, or after 25 seconds; others do not know how to wait."""
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    house.telegram.answer_oddly("getUpdates", body='{"ok": true, "result": []}', times=100)
    (left,) = house.telegram.faults.planned
    await alice.sends("/help")  # ends the question that is open
    await alice.expects("What you can do here")
    await asyncio.sleep(2)
    assert 95 <= left.times < 100
    left.times = 0
    await alice.sends("/help")
    await alice.expects("What you can do here")


@pytest.mark.parametrize("method", ["deleteWebhook", "setMyCommands", "setMyDescription"])
async def test_a_start_survives_answers_that_are_none(house: House, log: list[EventDict], method: str) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    house.telegram.answer_oddly(method, body='{"ok": true}')
    await house.restart()
    await alice.sends("/help")
    await alice.expects("What you can do here")
    assert _told(log, "app.part_fell_over") == []


@pytest.mark.parametrize("method", ["setMyCommands", "setMyDescription"])
@pytest.mark.parametrize("code", [429, 404, 400])
async def test_nobody_waits_because_telegram_wants_no_menu(house: House, log: list[EventDict], method: str, code: int) -> None:
    """It is told at each start, and somebody who starts often is told to come back tomorrow."""
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    house.telegram.fail_next(method, code=code, description="No", retry_after=80_000)
    await house.restart()
    await alice.sends("/help")
    await alice.expects("What you can do here")
    assert len(_told(log, "bot.menu_not_set")) == 1
    assert _told(log, "bot.poll_failed") == []


FILE = '{"ok": true, "result": {"file_id": "a", "file_unique_id": "b"%s}}'
# A Bot API of one's own (telegram-bot-api --local) names files of this machine, which it may keep for itself.
OUT_OF_REACH = [FILE % ', "file_path": "/proc/self/mem"', FILE % ', "file_path": "/var/lib/telegram-bot-api/photos/file_0.jpg"']


@pytest.mark.parametrize("body", [*ODD, FILE % "", *OUT_OF_REACH])
async def test_a_photo_that_cannot_be_fetched_is_asked_for_again(house: House, body: str) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    await alice.sends("/report")
    asked = await alice.expects("What would you like to report?")
    await alice.taps(asked.buttons[0])
    await alice.expects("Can you send a photo?")
    house.telegram.answer_oddly("getFile", body=body)
    await alice.sends_photo(photo())
    await alice.expects("didn't come through")
    await alice.sends_photo(photo())
    await alice.expects("We have kept photo 1")


async def test_a_reply_refused_twice_is_one_line_and_stops_nobody(house: House, log: list[EventDict]) -> None:
    alice, bob = house.telegram.person(1001, "Alice"), house.telegram.person(1002, "Bob")
    await signs_up(alice)
    house.telegram.fail_next("sendMessage", code=400, description="Bad Request: can't parse entities", chat_id=1001, times=2)
    await alice.sends("/help")
    await bob.sends("/start")
    await bob.expects("Who sees it")
    await alice.sends("/ward")
    await alice.expects("Southwick")
    assert len(_told(log, "bot.reply_given_up")) == 1


async def test_the_sentence_for_a_refused_reply_waits_in_the_outbox_when_it_cannot_leave(house: House) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    house.telegram.fail_next("sendMessage", code=400, description="Bad Request: can't parse entities", chat_id=1001)
    house.telegram.fail_next("sendMessage", code=500, chat_id=1001)
    await alice.sends("/help")
    await alice.expects("What you did is saved", timeout=30)
    async with house.runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Delivery).where(Delivery.key.like("reply:%"))) == 1


async def test_a_tap_whose_answer_hangs_holds_nobody_up_for_long(house: House) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    await alice.sends("/ward")
    await alice.expects("Southwick")
    house.telegram.lose_next_answer("answerCallbackQuery", hangs_for=30)
    tapping = asyncio.create_task(alice.taps("This week's digest"))
    await alice.expects("This week in")
    await alice.sends("/help")
    await alice.expects("What you can do here")
    tapping.cancel()


async def test_a_stored_tap_whose_message_hangs_keeps_no_update_back(house: House) -> None:
    alice, bob = house.telegram.person(1001, "Alice"), house.telegram.person(1002, "Bob")
    await signs_up(alice)
    await launches(house)
    await alice.expects("Should bins be emptied on Mondays?")
    house.telegram.lose_next_answer("editMessageText", hangs_for=40)
    alice.starts_tap(alice.last.data_of("Yes, Mondays"))
    for _ in range(2):  # the first may come with the tap, the second is asked for after both
        await bob.sends("/help")
        await bob.expects("What you can do here")
    async with house.runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Answer)) == 1
        # What takes its time is written down before the next updates are asked for; a tap that is stored needs none of that.
        assert await session.scalar(sa.select(sa.func.count()).select_from(WaitingUpdate)) == 0


async def test_stopping_while_a_reply_hangs_is_quick_and_tidy(house: House, log: list[EventDict]) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    house.telegram.lose_next_answer("sendMessage", hangs_for=60)
    await alice.sends("/help")
    await alice.expects("What you can do here")
    async with asyncio.timeout(30):
        await house.application.stop()
    assert [line["event"] for line in log if line["log_level"] in ("warning", "error")] == ["bot.stopped_in_a_hurry"]
