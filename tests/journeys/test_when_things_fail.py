"""The bot on the wire when things go wrong: full disks, kills, outages, repeated and out-of-date updates."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs
from structlog.typing import EventDict

from intouch.bot import handful, polling
from intouch.outbox.models import Delivery, Lane, Lease
from intouch.residents.models import HandledUpdate, Resident, WaitingUpdate
from tests.journeys.conftest import House, until
from tests.journeys.stories import photo, signs_up


async def _count(house: House, table: type) -> int:
    async with house.runtime.sessions.read() as session:
        return await session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


class _Disk:
    """A disk with room for no more pages: SQLite then answers as it does when the disk is full."""

    def __init__(self) -> None:
        self.pages = 1_073_741_823

    def __call__(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={self.pages}")  # the limit belongs to a connection: tell each of them


@pytest.fixture
def disk() -> Iterator[_Disk]:
    limit = _Disk()
    sa.event.listen(sa.Engine, "begin", limit)
    yield limit
    sa.event.remove(sa.Engine, "begin", limit)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # PostgreSQL's disk is not ours to fill
async def test_a_full_disk_is_told_and_nothing_is_half_stored(disk: _Disk, house: House) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    await alice.sends("/report")
    asked = await alice.expects("What would you like to report?")
    await alice.taps(asked.buttons[0])
    await alice.taps("Go on without a photo")
    await alice.expects("Where is it?")
    disk.pages = 1
    await _fill_the_file(house)
    for number in range(200):  # rows that were there have a little room left, so it is not the first who is turned away
        last = house.telegram.person(4000 + number, f"P{number}")
        residents, handled = await _count(house, Resident), await _count(house, HandledUpdate)
        await last.sends("/start")
        if "can't save anything" in (await last.expects("")).text:
            break
    await last.expects("can't save anything")
    assert (await _count(house, Resident), await _count(house, HandledUpdate)) == (residents, handled)
    disk.pages = 1_073_741_823
    await last.sends("/start")
    await last.expects("Who sees it")
    await alice.sends("In front of the library")
    await alice.expects("What is wrong?")


async def _fill_the_file(house: House) -> None:
    """Use up the free room in the pages that there are, coarsely and then finely."""
    for size in (4000, 400, 20):
        with pytest.raises(sa.exc.OperationalError, match="full"):
            for number in range(10_000):
                async with house.runtime.sessions.write() as session:
                    session.add(Lease(name=f"{size}:{number}", holder="x" * size, until=house.clock.now()))


async def test_the_bot_api_down_for_a_while_loses_nothing(house: House) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    house.telegram.down(3)
    await alice.sends("/help")
    await alice.expects("What you can do here", timeout=60)


async def test_an_update_that_the_library_cannot_read_costs_nobody_else_theirs(house: House, caplog: pytest.LogCaptureFixture) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    # As a Bot API of another version may write it: a poll without what the library needs.
    options = [{"text": "Mine alone", "voter_count": 0}]
    poll = {"id": "1", "question": "Which?", "options": options, "total_voter_count": 0, "is_closed": False, "type": "regular"}
    body = {"message_id": 7, "date": 2**40, "chat": {"id": 1001, "type": "private"}, "text": "Mine alone", "poll": poll}
    house.telegram.updates.add("message", body)
    await alice.sends("/help")
    await alice.expects("What you can do here", timeout=30)
    await house.telegram.updates.drained()
    assert "Mine alone" not in caplog.text


async def test_a_webhook_that_somebody_set_meanwhile_does_not_stop_the_bot(house: House) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    house.telegram.updates.set_webhook("http://127.0.0.1:9/", secret="", allowed=None, drop=False)
    await alice.sends("/help")
    await alice.expects("What you can do here", timeout=30)


async def test_the_lease_is_renewed_now_and_then_and_asked_for_at_once_when_another_seems_to_poll(house: House) -> None:
    written: list[object] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        if statement.startswith("UPDATE leases") and polling.LEASE in str(parameters):
            written.append(parameters)

    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    sa.event.listen(house.runtime.sessions.engine.sync_engine, "after_cursor_execute", note)
    began = time.monotonic()
    for _ in range(20):
        await alice.sends("/help")
        await alice.expects("What you can do here")
    assert len(written) <= 1 + (time.monotonic() - began) / polling.RENEW_EVERY
    async with house.runtime.sessions.write() as session:  # we stood still, our lease ran out, and another process took over
        until_ = house.clock.now() + timedelta(seconds=polling.LEASE_SECONDS)
        taken = sa.update(Lease).where(Lease.name == polling.LEASE).values(holder="another", until=until_)
        await session.execute(taken)
    with capture_logs() as log:
        house.telegram.fail_next("getUpdates", code=409)
        await alice.sends("/help")
        await until(lambda: _is_said(log, "bot.waits"), what="leaving the polling to the other", timeout=polling.RENEW_EVERY / 2)


async def _is_said(log: list[EventDict], event: str) -> bool:
    return any(line["event"] == event for line in log)


async def test_a_reply_that_did_not_get_through_waits_in_the_outbox(house: House) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    house.telegram.fail_next("sendMessage", code=500)
    await alice.sends("/help")
    await alice.expects("What you can do here", timeout=30)
    async with house.runtime.sessions.read() as session:
        lanes = list(await session.scalars(sa.select(Delivery.lane).where(Delivery.key.like("reply:%"))))
    assert lanes == [Lane.REPLY]


async def test_an_update_whose_process_died_is_taken_up_by_the_next(house: House) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    await house.application.stop()
    await alice.sends("/help")  # nobody is there to hear it
    await house.restart()
    await alice.expects("What you can do here")


async def test_where_the_bot_api_is_far_a_full_handful_is_written_down_before_it_is_done(house: House) -> None:
    """For the next one takes its time to come."""
    written: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        written.extend(table for table in ("waiting_updates", "handled_updates") if statement.startswith(f"INSERT INTO {table} "))

    people = [house.telegram.person(5000 + number, f"P{number}") for number in range(polling.BATCH + 20)]
    await house.application.stop()
    for person in people:
        await person.sends("/help")
    house.telegram.slow(2 * polling.FAR)
    sa.event.listen(sa.Engine, "after_cursor_execute", note)
    try:
        await house.restart()
        for person in people:
            await person.expects("What you can do here", timeout=30)
    finally:
        sa.event.remove(sa.Engine, "after_cursor_execute", note)
    assert written[0] == "waiting_updates"
    await until(lambda: _none_waiting(house), what="all to be crossed off")
    assert await _count(house, HandledUpdate) == len(people)


async def test_a_slow_photo_does_not_hold_up_anybody_else(house: House) -> None:
    alice, bob = house.telegram.person(1001, "Alice"), house.telegram.person(1002, "Bob")
    await signs_up(alice)
    await signs_up(bob)
    await alice.sends("/report")
    asked = await alice.expects("What would you like to report?")
    await alice.taps(asked.buttons[0])
    await alice.expects("Can you send a photo?")
    house.telegram.lose_next_answer("getFile", hangs_for=handful.PATIENCE * 8)
    await alice.sends_photo(photo())
    await bob.sends("/help")
    await bob.expects("What you can do here", timeout=handful.PATIENCE * 7)
    await alice.expects("photo", timeout=30)
    await until(lambda: _none_waiting(house), what="the photo's update to be crossed off")


async def _none_waiting(house: House) -> bool:
    return await _count(house, WaitingUpdate) == 0


async def test_two_people_and_two_starts_at_once_are_two_residents(house: House) -> None:
    people = [house.telegram.person(3000 + number, f"P{number}") for number in range(10)]
    await asyncio.gather(*(person.sends("/start") for person in people for _ in range(2)))
    for person in people:
        await person.expects("Who sees it")
    await until(lambda: _residents(house, 10), what="ten residents")


async def _residents(house: House, number: int) -> bool:
    return await _count(house, Resident) == number


async def test_a_link_code_typed_by_hand_and_a_wrong_one(house: House) -> None:
    mallory = house.telegram.person(666, "Mallory")
    await mallory.sends("LINK-0000-0000")
    said = await mallory.expects("code")
    assert "linked" not in said.text.lower() or "not" in said.text.lower()


async def test_everything_strange_gets_an_answer(house: House) -> None:
    mallory = house.telegram.person(666, "Mallory")
    await mallory.sends("/start")
    await mallory.expects("Who sees it")
    for text in (
        "\u202eevil",
        "🧨" * 2000,
        "<script>alert(1)</script>",
        "*_`[",
        "/",
        "/nope",
        "/start@other_bot x",
        "\x00\x07",
        "a" * 4096,
    ):
        await mallory.sends(text)
        await mallory.expects("")
    for kind in ("sticker", "voice", "contact", "poll", "dice"):
        await mallory.sends_something(kind)
        await mallory.expects("")
