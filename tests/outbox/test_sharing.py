"""Several processes that speak for one bot keep its pace together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from intouch.channels.pacing import BULK, NOTICE, Pacer
from intouch.clock import ShiftedClock
from intouch.outbox import sharing
from intouch.outbox.sharing import SharedPace
from intouch.runtime import Runtime


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
def join(runtime: Runtime, clock: ShiftedClock) -> Callable[..., tuple[SharedPace, Heard]]:
    def joined(name: str, token_id: str = "123") -> tuple[SharedPace, Heard]:
        pacer = Heard()
        return SharedPace(runtime.sessions, clock, pacer, token_id=token_id, holder=name), pacer

    return joined


Join = Callable[..., tuple[SharedPace, Heard]]


async def test_one_alone_has_the_whole_pace_at_once(join: Join) -> None:
    pace, pacer = join("one")
    await pace.look()
    assert pacer.part == 1


async def test_the_parts_never_add_up_to_more_than_the_whole_while_others_join_and_leave(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "JOIN_AFTER", 0.2)
    there = [join(str(number)) for number in range(4)]

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
        assert pacer.part == 0.25
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
    pace._renewed_at -= sharing.RENEW_EVERY + 1
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


async def test_it_joins_and_leaves_by_itself(join: Join) -> None:
    pace, pacer = join("one")
    task = asyncio.create_task(pace.run())
    await asyncio.sleep(0.5)
    assert pacer.part == 1
    task.cancel()
    await asyncio.wait([task])
    assert pacer.part == 0
    assert await pace._read() == []
