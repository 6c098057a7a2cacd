"""Linking: a code works once, for one Telegram account, for seven days, however it is spelled."""

import asyncio
import hashlib
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council import linking, people
from intouch.council.models import Councillor, LinkCode, Officer
from intouch.errors import BadInput, Closed, InTouchError, NotFound
from intouch.runtime import Runtime
from tests.places.squares import three_wards


async def olive(session: AsyncSession, now: datetime) -> Officer:
    return await people.add_officer(session, name="Olive Officer", email="olive@council.example", now=now)


async def carl(session: AsyncSession) -> Councillor:
    southwick = (await three_wards(session))[0]
    councillor = Councillor(name="Carl Councillor", ward_id=southwick.id, email="carl@council.example")
    session.add(councillor)
    await session.flush()
    return councillor


async def test_an_officer_sends_the_code_and_is_known_from_then_on(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        code = await linking.issue_code(session, officer_id=(await olive(session, now)).id, now=now)
        assert linking.looks_like_code(code)
        assert await linking.redeem(session, code, telegram_id=7, now=now) == linking.Linked("officer", "Olive Officer")
    async with runtime.sessions.read() as session:
        officer = await people.officer_of(session, 7)
        assert officer is not None
        assert officer.name == "Olive Officer"
        assert await people.councillor_of(session, 7) is None


async def test_only_the_hash_of_a_code_is_kept(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        code = await linking.issue_code(session, officer_id=(await olive(session, now)).id, now=now)
        kept = await session.scalar(sa.select(LinkCode.code_hash))
    assert kept is not None
    assert len(kept) == 64
    assert code.replace("-", "")[4:] not in kept.upper()


@pytest.mark.parametrize("spelled", ["{code}", "{lower}", " {spaced} ", "{bare}", "link_{bare}", "{code}."])
async def test_a_code_may_be_spelled_in_many_ways(runtime: Runtime, now: datetime, spelled: str) -> None:
    async with runtime.sessions.write() as session:
        code = await linking.issue_code(session, officer_id=(await olive(session, now)).id, now=now)
        body = code.replace("-", "").removeprefix("LINK")
        text = spelled.format(code=code, lower=code.lower(), spaced=code.replace("-", " "), bare=body)
        assert (await linking.redeem(session, text, telegram_id=7, now=now)).role == "officer"


async def test_letters_that_sound_or_look_like_digits_are_read_as_digits(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        officer = await olive(session, now)
        kept = hashlib.sha256(b"70K1M210").hexdigest()
        session.add(LinkCode(code_hash=kept, officer_id=officer.id, expires_at=now + timedelta(days=7)))
        await session.flush()
        assert (await linking.redeem(session, "link-7oki-m2lo", telegram_id=7, now=now)).role == "officer"


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("LINK-7K3M-2QXZ", True),
        ("link 7k3m 2qxz", True),
        ("LINK–7K3M–2QXZ", True),
        ("LINK-7K3M", False),
        ("hello", False),
        ("7K3M2QXZ", False),
        ("", False),
    ],
)
def test_a_message_that_is_a_code_is_recognised(text: str, looks: bool) -> None:
    assert linking.looks_like_code(text) is looks


async def test_unknown_expired_replaced_and_used_codes_each_get_a_clear_sentence(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        officer = await olive(session, now)
        older = await linking.issue_code(session, officer_id=officer.id, now=now)
        code = await linking.issue_code(session, officer_id=officer.id, now=now)
        with pytest.raises(NotFound, match="don't know this code"):
            await linking.redeem(session, "LINK-0000-0000", telegram_id=7, now=now)
        with pytest.raises(BadInput, match="A code looks like"):
            await linking.redeem(session, "LINK-000", telegram_id=7, now=now)
        with pytest.raises(Closed, match="has run out"):
            await linking.redeem(session, older, telegram_id=7, now=now)
        with pytest.raises(Closed, match="has run out"):
            await linking.redeem(session, code, telegram_id=7, now=now + timedelta(days=7))
        await linking.redeem(session, code, telegram_id=7, now=now + timedelta(days=6, hours=23))
        with pytest.raises(Closed, match="works once"):
            await linking.redeem(session, code, telegram_id=666, now=now)
        assert (await linking.redeem(session, code, telegram_id=7, now=now)).name == "Olive Officer"
        assert officer.telegram_id == 7


async def test_of_many_accounts_that_send_one_code_at_once_one_is_linked(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        code = await linking.issue_code(session, officer_id=(await olive(session, now)).id, now=now)

    async def attempt(telegram_id: int) -> bool:
        try:
            async with runtime.sessions.write() as session:
                await linking.redeem(session, code, telegram_id=telegram_id, now=now)
        except InTouchError:
            return False
        return True

    assert sum(await asyncio.gather(*(attempt(number) for number in range(1, 9)))) == 1


async def test_a_second_account_takes_the_place_of_the_first(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        officer = await olive(session, now)
        for telegram_id in (7, 8):
            code = await linking.issue_code(session, officer_id=officer.id, now=now)
            await linking.redeem(session, code, telegram_id=telegram_id, now=now)
        assert await people.officer_of(session, 7) is None
        assert await people.officer_of(session, 8) is officer


async def test_an_account_that_changes_hands_leaves_its_first_owner(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        first = await olive(session, now)
        second = await people.add_officer(session, name="Otto", email="otto@council.example", now=now)
        for officer in (first, second):
            code = await linking.issue_code(session, officer_id=officer.id, now=now)
            await linking.redeem(session, code, telegram_id=7, now=now)
        assert await people.officer_of(session, 7) is second


async def test_one_person_can_be_officer_and_councillor(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        officer, councillor = await olive(session, now), await carl(session)
        for code in (
            await linking.issue_code(session, officer_id=officer.id, now=now),
            await linking.issue_code(session, councillor_id=councillor.id, now=now),
        ):
            await linking.redeem(session, code, telegram_id=7, now=now)
        assert await people.officer_of(session, 7) is officer
        assert await people.councillor_of(session, 7) is councillor


async def test_a_councillor_who_left_office_is_neither_linked_nor_known(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        councillor = await carl(session)
        code = await linking.issue_code(session, councillor_id=councillor.id, now=now)
        await linking.redeem(session, code, telegram_id=7, now=now)
        later = await linking.issue_code(session, councillor_id=councillor.id, now=now)
        councillor.is_active = False
        await session.flush()
        assert await people.councillor_of(session, 7) is None
        with pytest.raises(NotFound, match="not in office any more"):
            await linking.redeem(session, later, telegram_id=8, now=now)


async def test_a_code_is_for_exactly_one_person(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        with pytest.raises(ValueError, match="one officer or for one councillor"):
            await linking.issue_code(session, now=now)
        with pytest.raises(ValueError, match="one officer or for one councillor"):
            await linking.issue_code(session, officer_id=1, councillor_id=1, now=now)
