"""A handful of updates: whoever waits for it is woken by the last, by patience, or when nothing moves."""

from __future__ import annotations

import asyncio
import time

from intouch.bot.handful import PATIENCE, Handful


def _handful(*numbers: int) -> Handful:
    return Handful([{"update_id": number} for number in numbers])


async def test_waiting_ends_with_the_last_and_settling_twice_is_harmless() -> None:
    handful = _handful(1, 2, 3)
    waiting = asyncio.create_task(handful.wait(standstill=PATIENCE))
    for number in (2, 2, 1, 99):
        handful.settle(number)
        await asyncio.sleep(0.01)
    assert not waiting.done() and handful.left == [{"update_id": 3}]
    handful.settle(3)
    await asyncio.wait_for(waiting, PATIENCE / 2)
    assert handful.left == []
    await handful.wait(standstill=PATIENCE)  # and again, at once


async def test_waiting_ends_when_nothing_moves_and_goes_on_while_something_does() -> None:
    handful, began = _handful(*range(20)), time.monotonic()

    async def settle_five() -> None:
        for number in range(5):
            await asyncio.sleep(0.1)
            handful.settle(number)

    settling = asyncio.create_task(settle_five())
    await handful.wait(standstill=0.25)
    assert settling.done() and len(handful.left) == 15
    assert time.monotonic() - began >= 0.5


async def test_waiting_ends_with_patience_although_something_moves() -> None:
    handful = _handful(*range(1000))

    async def settle_all() -> None:
        for number in range(1000):
            handful.settle(number)
            await asyncio.sleep(0.02)

    settling = asyncio.create_task(settle_all())
    await handful.wait(standstill=PATIENCE)
    assert handful.left
    settling.cancel()


async def test_nothing_is_waited_for_where_there_is_nothing() -> None:
    nothing = _handful()
    await asyncio.wait_for(nothing.wait(standstill=PATIENCE), PATIENCE / 2)
    assert nothing.left == []
