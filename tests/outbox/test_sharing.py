"""Several processes that speak for one bot keep its pace together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

import pytest

from intouch.channels.email_rate import EmailRate
from intouch.channels.pacing import BULK, NOTICE, REPLY, Pacer
from intouch.clock import ShiftedClock
from intouch.outbox.sharing import NEED_FOR, NEED_OF, RENEW_EVERY, SharedBotPace, SharedPace
from intouch.runtime import Runtime
from tests.outbox.outboxes import until


class Heard(Pacer):
    """A pacer that remembers its share, and for how long each rank was told to hold."""

    def __init__(self) -> None:
        super().__init__()
        self.part = -1.0
        self.held: dict[int, float] = {}

    def share(self, part: float) -> None:
        self.part = part
        super().share(part)

    def hold(self, rank: int, seconds: float) -> None:
        self.held[rank] = seconds
        super().hold(rank, seconds)


@pytest.fixture
def join(runtime: Runtime, clock: ShiftedClock) -> Callable[..., tuple[SharedBotPace, Heard]]:
    def joined(name: str, token_id: str = "123", ended: Collection[str] = (), **more: Any) -> tuple[SharedBotPace, Heard]:
        pacer = Heard()
        pace = SharedBotPace(
            runtime.sessions,
            clock,
            pacer,
            token_id=token_id,
            holder=name,
            has_ended=lambda other: other in ended,
            **more,
        )
        return pace, pacer

    return joined


Join = Callable[..., tuple[SharedBotPace, Heard]]


async def test_one_alone_has_the_whole_pace_at_once(join: Join) -> None:
    pace, pacer = join("one")
    await pace.look()
    assert pacer.part == 1


async def test_the_parts_never_add_up_to_more_than_the_whole_while_others_join_and_leave(join: Join) -> None:
    there = [join(str(number), join_after=0.2) for number in range(4)]

    def total() -> float:
        return sum(max(0.0, pacer.part) for _, pacer in there)

    for pace, pacer in there:  # each comes while the others have not looked again
        await pace.look()
        assert pacer.part == (1 if pace is there[0][0] else 0)
        assert total() <= 1
    for pace, _ in there:
        await pace.look()
    await asyncio.sleep(0.25)
    for pace, pacer in there:
        await pace.look()
        assert pacer.part * 30 == pytest.approx(8 if pace in (there[0][0], there[1][0]) else 7)
        assert total() <= 1
    await there[3][0]._leave()
    there[3][1].part = 0
    for pace, _ in there[:3]:
        await pace.look()
        assert total() <= 1
    assert total() == pytest.approx(1)


async def test_two_that_join_at_once_do_not_both_think_that_they_are_alone(join: Join) -> None:
    there = [join("one"), join("two")]
    await asyncio.gather(*(pace.look() for pace, _ in there))
    assert sum(pacer.part for _, pacer in there) <= 1


async def test_the_part_of_a_dead_process_is_taken_over_within_a_minute(join: Join, clock: ShiftedClock) -> None:
    dead, _ = join("dead")
    await dead.look()
    pace, pacer = join("alive")
    await pace.look()
    clock.set(clock.now() + timedelta(seconds=45))
    pace._renewed_at -= RENEW_EVERY + 1
    pace._joined_at = 0.0
    await pace.look()
    assert pacer.part == 1


async def test_a_little_is_left_to_processes_that_only_reply(join: Join) -> None:
    (bot, replying), (one, first), (two, second) = join("bot", only_replies=True), join("one"), join("two")
    await one.look()
    assert first.part == 1
    await bot.look()
    await one.look()
    assert (replying.part, first.part * 30) == (0, pytest.approx(27))
    await two.look()
    two._joined_at = 0.0
    for pace in (one, two):
        await pace.look()
    assert sorted([first.part * 30, second.part * 30]) == pytest.approx([13, 14])
    for number in range(9):
        another, _ = join(f"bot{number}", only_replies=True)
        await another.look()
    await one.look()
    await two.look()
    assert (first.part + second.part) * 30 == pytest.approx(15)


async def replied(pacer: Pacer, number: int) -> None:
    await asyncio.gather(*(pacer.turn(str(chat), REPLY) for chat in range(number)))


async def test_bulk_makes_room_for_as_many_replies_as_another_process_makes(join: Join, clock: ShiftedClock) -> None:
    (bot, replying), (one, sending) = join("bot", only_replies=True), join("one")
    for pace in (bot, one):
        await pace.look()
    one._joined_at = 0.0
    await replied(replying, 20)
    for pace in (bot, one):
        await pace.look()
    assert (replying.part, sending.part * 30) == (0, pytest.approx(10))
    await replied(replying, 40)  # more than there is room for: bulk goes on all the same
    for pace in (bot, one):
        await pace.look()
    assert sending.part * 30 == pytest.approx(1)
    for _ in range(NEED_OF):  # nobody writes any more
        await bot.look()
    clock.set(clock.now() + 2 * NEED_FOR)
    await bot.look()
    await one.look()
    assert sending.part * 30 == pytest.approx(27)


async def test_who_replies_and_sends_takes_of_the_others_what_its_replies_need(join: Join) -> None:
    there = [join(name) for name in ("one", "two", "three")]
    for _ in range(2):
        for pace, _ in there:
            await pace.look()
            pace._joined_at = 0.0
    assert [pacer.part * 30 for _, pacer in there] == pytest.approx([10, 10, 10])
    await replied(there[0][1], 8)  # it has room for them itself
    for pace, _ in there:
        await pace.look()
    assert [pacer.part * 30 for _, pacer in there] == pytest.approx([10, 10, 10])
    await replied(there[0][1], 20)
    for pace, _ in there:
        await pace.look()
    assert [pacer.part * 30 for _, pacer in there] == pytest.approx([10, 5, 5])


async def test_whoever_comes_after_a_crash_has_the_whole_pace_at_once_where_it_can_see_who_died(join: Join) -> None:
    dead, _ = join("dead")
    await dead.look()
    pace, pacer = join("alive", ended={"dead"})
    await pace.look()
    assert pacer.part == 1


async def test_the_part_of_one_who_dies_beside_us_is_ours_a_second_later(join: Join) -> None:
    ended: set[str] = set()
    pace, pacer = join("alive", ended=ended)
    await pace.look()
    other, _ = join("other")
    await other.look()
    parts = []
    for _ in range(3):
        await pace.look()
        parts.append(pacer.part)
        ended.add("other")
    assert parts == [0.5, 0.5, 1]


async def test_a_clock_that_is_set_back_an_hour_costs_the_dead_ones_part_for_half_a_minute_and_makes_no_stop_longer(
    join: Join, clock: ShiftedClock
) -> None:
    (dead, _), (pace, pacer) = join("dead"), join("alive")
    await dead.look()
    await dead._tell_others(BULK, clock.now() + timedelta(seconds=3))
    await pace.look()
    assert pacer.held[BULK] <= 3
    pacer.held.clear()
    clock.set(clock.now() - timedelta(hours=1))
    pace._renewed_at -= RENEW_EVERY + 1
    await pace.look()
    assert BULK not in pacer.held
    clock.set(clock.now() + timedelta(seconds=40))
    pace._renewed_at -= RENEW_EVERY + 1
    pace._joined_at = 0.0
    await pace.look()
    assert pacer.part == 1


async def test_a_429_of_bulk_stops_bulk_of_every_process_and_nothing_else(join: Join) -> None:
    (one, first), (two, second) = join("one"), join("two")
    await one.look()
    first.on_stop = one._tell
    first.stop(BULK, 20)
    await asyncio.gather(*one._telling)
    await two.look()
    assert second.held[BULK] == pytest.approx(20, abs=5)
    assert NOTICE not in second.held


async def test_another_bot_has_a_pace_of_its_own(join: Join) -> None:
    (one, first), (two, second) = join("one", "123"), join("two", "12")
    await one.look()
    await two.look()
    assert (first.part, second.part) == (1, 1)


async def test_the_rate_of_a_mail_server_is_divided_too(runtime: Runtime, clock: ShiftedClock) -> None:
    """By all senders alike; a bot beside them has nothing to do with it."""
    parts: dict[str, float] = {}

    class Rate(EmailRate):
        def share(self, part: float) -> None:
            parts[self.name] = part

        def __init__(self, name: str) -> None:
            super().__init__(7)
            self.name = name

    there = [SharedPace(runtime.sessions, clock, Rate(name), of="email", holder=name) for name in ("one", "two", "three")]
    bot = SharedBotPace(runtime.sessions, clock, Pacer(), token_id="123", holder="bot", only_replies=True)
    await bot.look()
    for pace in there:
        await pace.look()
        assert sum(parts.values()) == 1
    for pace in there:
        pace._joined_at = 0.0
        await pace.look()
    assert parts == pytest.approx({"one": 1 / 3, "two": 1 / 3, "three": 1 / 3})


async def test_it_joins_and_leaves_by_itself(join: Join) -> None:
    pace, pacer = join("one")
    task = asyncio.create_task(pace.run())
    await until(lambda: pacer.part == 1)
    task.cancel()
    await asyncio.wait([task])
    assert pacer.part == 0
    assert await pace._read() == []
