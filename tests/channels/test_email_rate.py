"""The rate of a mail server: evenly spaced, shared, and let go of when nothing may leave any more."""

from __future__ import annotations

import asyncio

import pytest

from intouch.channels.email_rate import EmailRate
from tests.channels.virtual_time import in_virtual_time, now


async def _times(rate: EmailRate, number: int) -> list[float]:
    """When each of so many that ask at once may leave, from the first question on."""
    began = now()

    async def one() -> float:
        await rate.place()
        return now() - began

    return sorted(await asyncio.gather(*(one() for _ in range(number))))


@in_virtual_time
async def test_emails_leave_evenly() -> None:
    assert await _times(EmailRate(20), 5) == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])


@in_virtual_time
async def test_without_a_rate_nothing_waits() -> None:
    rate = EmailRate(0)
    rate.share(0)
    assert await _times(rate, 5) == [0.0] * 5


@in_virtual_time
async def test_a_silence_gives_no_right_to_a_burst() -> None:
    rate = EmailRate(10)
    await rate.place()
    await asyncio.sleep(60)
    assert await _times(rate, 3) == pytest.approx([0, 0.1, 0.2])


@in_virtual_time
async def test_two_senders_have_half_each() -> None:
    rate = EmailRate(10)
    rate.share(rate.part_of(0, 2))
    assert await _times(rate, 3) == pytest.approx([0, 0.2, 0.4])


@in_virtual_time
async def test_who_has_no_part_waits_until_there_is_one() -> None:
    rate = EmailRate(10)
    rate.share(0)
    asyncio.get_running_loop().call_later(5, rate.share, 1.0)
    assert await _times(rate, 3) == pytest.approx([5, 5.1, 5.2])


@in_virtual_time
async def test_a_part_that_grows_is_used_at_once() -> None:
    rate = EmailRate(0.1)
    rate.share(0.01)
    await rate.place()
    asyncio.get_running_loop().call_later(5, rate.share, 1.0)
    assert await _times(rate, 1) == pytest.approx([15])


@in_virtual_time
async def test_halting_lets_go_of_all_who_wait_however_slow_the_rate() -> None:
    rate = EmailRate(0.001)
    asyncio.get_running_loop().call_later(3, rate.halt)
    assert await _times(rate, 4) == pytest.approx([0, 3, 3, 3])
    rate.share(0)
    assert await _times(rate, 2) == [0, 0]
