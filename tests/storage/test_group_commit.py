"""Writers that wait together commit together, and each hears only its own result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.errors import BadInput
from intouch.outbox.models import Lease
from intouch.runtime import Runtime
from intouch.storage.group_commit import LONGEST_GROUP, GroupCommit, Work
from intouch.storage.inserting import insert_ignoring

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)


@pytest.fixture
async def commits(runtime: Runtime) -> AsyncIterator[GroupCommit]:
    group = GroupCommit(runtime.sessions)
    yield group
    await group.close()


def writes(name: str, then: BaseException | None = None) -> Work:
    """Store a row of this name, and then fall over if so told."""

    async def work(session: AsyncSession) -> str:
        session.add(Lease(name=name, holder="me", until=NOW))
        await session.flush()
        if then is not None:
            raise then
        return name

    return work


async def stored(runtime: Runtime) -> set[str]:
    async with runtime.sessions.read() as session:
        return set(await session.scalars(sa.select(Lease.name)))


async def heard(commits: GroupCommit, *works: Work) -> list[Any]:
    return await asyncio.gather(*(commits.run(work) for work in works), return_exceptions=True)


async def test_those_who_wait_together_share_a_transaction(runtime: Runtime, commits: GroupCommit) -> None:
    names = [str(number) for number in range(40)]
    assert await heard(commits, *map(writes, names)) == names
    assert await stored(runtime) == set(names)
    assert commits.pump.groups < 40


@pytest.mark.parametrize("seed", range(3))
async def test_a_fault_takes_back_its_own_work_and_nobody_elses(runtime: Runtime, commits: GroupCommit, seed: int) -> None:
    faulty = {number for number in range(30) if (number * 7 + seed * 11) % 5 == 0}
    works = [writes(str(number), BadInput(str(number)) if number in faulty else None) for number in range(30)]
    results = await heard(commits, *works)
    assert [str(result) for result in results] == [str(number) for number in range(30)]
    assert {number for number, result in enumerate(results) if isinstance(result, BadInput)} == faulty
    assert await stored(runtime) == {str(number) for number in range(30) if number not in faulty}


async def test_a_row_that_is_there_already_fails_only_who_wrote_it_twice(runtime: Runtime, commits: GroupCommit) -> None:
    first, second, third = await heard(commits, writes("same"), writes("same"), writes("other"))
    assert first == "same"
    assert isinstance(second, sa.exc.IntegrityError)
    assert third == "other"
    assert await stored(runtime) == {"same", "other"}


async def test_a_broken_transaction_is_done_once_more_for_each_by_itself(runtime: Runtime, commits: GroupCommit) -> None:
    full = sa.exc.OperationalError("INSERT", {}, Exception("database or disk is full"))
    results = await heard(commits, writes("one"), writes("two", full), writes("three"))
    assert results == ["one", full, "three"]
    assert await stored(runtime) == {"one", "three"}


async def test_a_failed_commit_is_heard_by_everybody_and_stores_nothing(
    runtime: Runtime, commits: GroupCommit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_commit(_connection: sa.Connection) -> None:
        raise OSError("the line broke")

    sa.event.listen(sa.Engine, "commit", no_commit)
    try:
        results = await heard(commits, writes("one"), writes("two"))
    finally:
        sa.event.remove(sa.Engine, "commit", no_commit)
    assert [type(result) for result in results] == [OSError, OSError]
    assert await stored(runtime) == set()
    assert await heard(commits, writes("three")) == ["three"]


async def test_a_fault_that_shows_only_at_the_commit_is_its_own_too(runtime: Runtime, commits: GroupCommit) -> None:
    """A constraint that is looked at last: the database takes back all, for the sake of one."""
    async with runtime.sessions.write() as session:
        await session.execute(sa.text("CREATE TABLE last (name TEXT REFERENCES leases (name) DEFERRABLE INITIALLY DEFERRED)"))

    async def points_nowhere(session: AsyncSession) -> None:
        await session.execute(sa.text("INSERT INTO last VALUES ('nobody')"))

    first, second, third = await heard(commits, writes("one"), points_nowhere, writes("three"))
    assert (first, type(second), third) == ("one", sa.exc.IntegrityError, "three")
    assert await stored(runtime) == {"one", "three"}


async def test_each_reads_what_those_before_it_wrote_in_a_session_of_its_own(runtime: Runtime, commits: GroupCommit) -> None:
    """Read, think, write: sharing a stale object between two members would lose one of the changes."""

    async def add_one(session: AsyncSession) -> str:
        lease = await session.get(Lease, "counter")
        if lease is None:
            lease = Lease(name="counter", holder="0", until=NOW)
            session.add(lease)
        await asyncio.sleep(0)
        lease.holder = str(int(lease.holder) + 1)
        await session.flush()
        return lease.holder

    await commits.run(add_one)
    commits.pump._most = 1  # on PostgreSQL two groups at once would need a lock here, as two transactions always did
    assert await heard(commits, *[add_one] * 20) == [str(number) for number in range(2, 22)]


async def test_whoever_no_longer_waits_does_not_hold_up_the_others(runtime: Runtime, commits: GroupCommit) -> None:
    gone = asyncio.create_task(commits.run(writes("gone")))
    await asyncio.sleep(0)
    gone.cancel()
    assert await heard(commits, writes("here")) == ["here"]


async def test_a_group_that_takes_long_lets_the_rest_wait_for_the_next(runtime: Runtime, commits: GroupCommit) -> None:
    def writes_slowly(name: str) -> Work:
        async def work(session: AsyncSession) -> Any:
            await asyncio.sleep(LONGEST_GROUP)
            return await writes(name)(session)

        return work

    names = [str(number) for number in range(5)]
    assert await heard(commits, *map(writes_slowly, names)) == names
    assert await stored(runtime) == set(names)


async def test_a_group_inside_a_transaction_is_refused_instead_of_waiting_for_ever(runtime: Runtime, commits: GroupCommit) -> None:
    async with runtime.sessions.write():
        with pytest.raises(RuntimeError, match="already open"):
            await commits.run(writes("inner"))


async def test_other_writers_of_this_process_take_turns_with_groups(runtime: Runtime, commits: GroupCommit) -> None:
    async def alone(name: str) -> None:
        async with runtime.sessions.write() as session:
            await writes(name)(session)

    await asyncio.gather(*(alone(f"alone{n}") for n in range(10)), *(commits.run(writes(f"group{n}")) for n in range(10)))
    assert len(await stored(runtime)) == 20


async def test_rows_come_back_from_a_statement_that_the_connection_ran_itself(runtime: Runtime, commits: GroupCommit) -> None:
    async def insert(session: AsyncSession) -> int:
        return await insert_ignoring(session, Lease, [{"name": name, "holder": "me", "until": NOW} for name in "abca"], conflict=["name"])

    assert await heard(commits, insert, insert) == [3, 0]
    assert await stored(runtime) == {"a", "b", "c"}
