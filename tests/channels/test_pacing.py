"""Turns at the Bot API."""

from __future__ import annotations

import asyncio
import random

import pytest

from intouch.channels.pacing import BELOW, BULK, NOTICE, REPLY, Pacer
from tests.channels.virtual_time import in_virtual_time, now


@in_virtual_time
async def test_bulk_is_spaced_evenly() -> None:
    pacer = Pacer(per_second=100)
    began = now()
    await asyncio.gather(*(pacer.turn(str(chat), BULK) for chat in range(30)))
    assert now() - began == pytest.approx(29 / (100 * BELOW), abs=0.001)


@in_virtual_time
async def test_one_chat_hears_from_us_once_in_its_interval_while_others_go_on() -> None:
    pacer = Pacer(per_second=1000, per_chat=5)
    order: list[str] = []

    async def speak(chat: str) -> None:
        await pacer.turn(chat, BULK)
        order.append(chat)

    began = now()
    await asyncio.gather(speak("alice"), speak("alice"), speak("bob"), speak("grace"))
    assert order == ["alice", "bob", "grace", "alice"]
    assert now() - began == pytest.approx(0.2, abs=0.001)


@in_virtual_time
async def test_a_reply_never_waits_and_a_notice_goes_before_bulk() -> None:
    pacer = Pacer(per_second=20)
    order: list[str] = []

    async def speak(name: str, rank: int) -> None:
        await pacer.turn(name, rank)
        order.append(name)

    bulk = [asyncio.create_task(speak(f"bulk{number}", BULK)) for number in range(5)]
    await asyncio.sleep(0.06)
    notice = asyncio.create_task(speak("notice", NOTICE))
    with pytest.raises(StopIteration):  # it ends without having waited for anything
        pacer.turn("alice", REPLY).send(None)
    await asyncio.gather(*bulk, notice)
    assert order.index("notice") == 2


@in_virtual_time
async def test_a_429_of_bulk_stops_bulk_alone_and_a_notice_need_not_wait_for_it() -> None:
    pacer = Pacer(per_second=1000)
    pacer.stop(BULK, 0.4)
    began = now()
    bulk = asyncio.create_task(pacer.turn("bob", BULK))
    await asyncio.sleep(0.05)
    await pacer.turn("grace", NOTICE)
    assert now() - began < 0.06
    await bulk
    assert now() - began == pytest.approx(0.4, abs=0.001)


@in_virtual_time
async def test_whoever_gives_up_waiting_takes_nobodys_turn() -> None:
    pacer = Pacer(per_second=20)
    await pacer.turn("alice", BULK)
    gone = asyncio.create_task(pacer.turn("bob", BULK))
    await asyncio.sleep(0)
    gone.cancel()
    began = now()
    await pacer.turn("grace", BULK)
    assert now() - began == pytest.approx(1 / (20 * BELOW), abs=0.001)


@in_virtual_time
async def test_a_share_of_the_pace_is_kept_and_nothing_but_replies_passes_while_it_is_none() -> None:
    pacer = Pacer(per_second=100)
    pacer.share(0)
    bulk = [asyncio.create_task(pacer.turn(str(chat), BULK)) for chat in range(10)]
    await asyncio.sleep(0.05)
    await pacer.turn("alice", REPLY)
    assert not any(task.done() for task in bulk)
    began = now()
    pacer.share(0.5)
    await asyncio.gather(*bulk)
    assert 9 / (50 * BELOW) <= now() - began <= 10 / (50 * BELOW)


async def test_others_are_told_of_a_429_once() -> None:
    told: list[tuple[int, float]] = []
    pacer = Pacer(per_second=1000)
    pacer.on_stop = lambda rank, seconds: told.append((rank, seconds))
    pacer.stop(BULK, 3)
    pacer.hold(BULK, 5)
    assert told == [(BULK, 3)]


@in_virtual_time
async def test_replies_of_one_of_three_processes_keep_the_limit_of_all() -> None:
    """Its bulk makes room for them: a third of the pace has a place free every tenth of a second, and a little later still."""
    limit, until, chance = 30, now() + 120, random.Random(1)
    pacers = [Pacer(per_second=limit) for _ in range(3)]
    heard: list[float] = []

    async def bulk(pacer: Pacer, chat: str) -> None:
        while now() < until:
            place = await pacer.turn(chat, BULK)
            pacer.begin(place)
            await asyncio.sleep(chance.uniform(0.01, 0.02))
            heard.append(now())
            await asyncio.sleep(chance.uniform(0.01, 0.02))
            pacer.end(place, is_answered=True)

    async def replies() -> None:
        while now() < until:
            await asyncio.sleep(chance.uniform(1, 2))
            await pacers[0].turn("alice", REPLY)
            heard.append(now() + chance.uniform(0.01, 0.02))

    for place, pacer in enumerate(pacers):
        pacer.share(pacer.part_of(place, len(pacers)))
    chats = [bulk(pacer, f"{place} {number}") for place, pacer in enumerate(pacers) for number in range(20)]
    await asyncio.gather(replies(), *chats)
    heard.sort()
    assert [later - one for one, later in zip(heard, heard[limit:], strict=False) if later - one < 1] == []
