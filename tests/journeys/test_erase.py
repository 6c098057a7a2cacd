"""Erase: Alice goes, nothing of her stays, and what was counted stays true."""

import sqlalchemy as sa

from intouch.outbox.models import Delivery
from intouch.residents.models import Resident, ResidentStatus
from intouch.storage.columns import Base
from intouch.surveys.models import Answer, Response
from tests.journeys.conftest import House, until
from tests.journeys.stories import signs_up
from tests.journeys.test_from_start_to_answering import launches

TELLTALES = ("1001", "Alice-Anastasia", "SR52AA", "lid of my bin")


async def _stored(house: House) -> str:
    """Everything in the database as one text, but for the list of postcodes that everybody can have."""
    tables = [table for table in Base.metadata.sorted_tables if table.name != "postcodes"]
    async with house.runtime.sessions.read() as session:
        rows = [repr(tuple(row)) for table in tables for row in await session.execute(sa.select(table))]
    return "\n".join(rows)


async def test_alice_erases_everything_and_the_count_stays(house: House) -> None:
    alice = house.telegram.person(1001, "Alice-Anastasia")
    await signs_up(alice)
    await launches(house)
    await alice.expects("Should bins be emptied on Mondays?")
    await alice.taps("Yes, Mondays")
    await alice.taps("4")
    await alice.sends("The lid of my bin is broken")
    await alice.expects("Thank you")
    held = await _stored(house)
    assert [telltale for telltale in TELLTALES if telltale not in held] == []

    await alice.sends("/export")
    exported = (await alice.expects_file()).decode()
    assert "lid of my bin" in exported
    assert "Should bins be emptied on Mondays?" in exported

    await alice.sends("/erase")
    await alice.expects("Delete everything about you?")
    await alice.taps("Delete everything")
    await alice.expects("Are you sure?")
    await alice.taps("Yes, delete it for good")
    await alice.expects("Everything about you is deleted")

    stored = await _stored(house)
    # The update's own number may hold the same digits; a row that names her would not be a bare number.
    assert [telltale for telltale in TELLTALES[1:] if telltale in stored] == []
    async with house.runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Resident).where(Resident.telegram_id == 1001)) == 0
        assert await session.scalar(sa.select(Resident.status)) is ResidentStatus.ERASED
        assert await session.scalar(sa.select(sa.func.count()).select_from(Response)) == 1
        assert await session.scalar(sa.select(sa.func.count()).select_from(Answer)) == 3


async def test_alice_can_come_back_as_somebody_new(house: House) -> None:
    alice = house.telegram.person(1001, "Alice")
    await signs_up(alice)
    await alice.sends("/erase")
    await alice.taps("Delete everything")
    await alice.taps("Yes, delete it for good")
    await alice.expects("Everything about you is deleted")
    await signs_up(alice, postcode="SR6 9AA")
    async with house.runtime.sessions.read() as session:
        statuses = set(await session.scalars(sa.select(Resident.status)))
    assert statuses == {ResidentStatus.ERASED, ResidentStatus.ACTIVE}


async def test_the_last_word_to_alice_arrives_late_and_leaves_no_trace(house: House) -> None:
    alice = house.telegram.person(1001, "Alice-Anastasia")
    await signs_up(alice)
    await alice.sends("/erase")
    await alice.taps("Delete everything")
    await alice.expects("Are you sure?")
    for method in ("editMessageText", "sendMessage"):
        house.telegram.fail_next(method, code=429, retry_after=1, chat_id=1001)
    await alice.taps("Yes, delete it for good")
    await alice.expects("Everything about you is deleted")
    await until(lambda: _is_blank(house), what="forgetting the chat")


async def _is_blank(house: House) -> bool:
    await house.application.schedule.tick()
    async with house.runtime.sessions.read() as session:
        held = sa.select(Delivery.id).where(Delivery.address == "1001")
        late = sa.select(Delivery.payload).where(Delivery.key.startswith("reply:"))
        return await session.scalar(held) is None and await session.scalar(late) == {}
