"""Smtp jobs: replies before notices before bulk, each in the order it came, and none forgotten however people wait for it."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from intouch.channels.outcomes import Envelope
from intouch.channels.smtp_jobs import Batch, Job, Jobs


def job(number: int, rank: int = 2) -> Job:
    return Job(Envelope(number, f"r{number}@x.example", b"", rank=rank), Batch(1, lambda _number, _outcome: None))


def number_of(taken: Job | None) -> int | None:
    return None if taken is None else taken.envelope.number


@given(st.lists(st.one_of(st.integers(0, 2), st.sampled_from(["take", "put back"])), max_size=60))
def test_jobs_come_by_rank_and_then_in_their_order_and_one_put_back_comes_first(steps: list[int | str]) -> None:
    async def walk() -> None:
        jobs, waiting, taken, count = Jobs(), list[tuple[int, int]](), list[tuple[int, int, Job]](), 0
        for step in steps:
            if isinstance(step, int):
                jobs.put(job(count, step))
                waiting.append((step, count))
                count += 1
            elif step == "put back" and taken:
                rank, number, one = taken.pop()
                jobs.put_back(one)
                waiting.append((rank, number))
            elif step == "take":
                expected = min(waiting, default=None)
                one_taken = jobs.take()
                assert number_of(one_taken) == (expected[1] if expected else None)
                if expected and one_taken:
                    waiting.remove(expected)
                    taken.append((*expected, one_taken))
            assert len(jobs) == len(waiting)

    asyncio.run(walk())


async def test_whoever_waits_gets_the_next_one_and_nobody_waits_longer_than_asked() -> None:
    jobs = Jobs()
    waiting = [asyncio.create_task(jobs.next(5.0)) for _ in range(3)]
    await asyncio.sleep(0)
    for number in range(3):
        jobs.put(job(number))
    assert sorted(number_of(one) or 0 for one in await asyncio.gather(*waiting)) == [0, 1, 2]
    assert await jobs.next(0.01) is None and len(jobs) == 0


async def test_a_job_is_not_lost_on_whoever_just_stopped_waiting() -> None:
    jobs = Jobs()
    gone, there = asyncio.create_task(jobs.next(5.0)), asyncio.create_task(jobs.next(5.0))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    jobs.put(job(1))
    assert number_of(await there) == 1
