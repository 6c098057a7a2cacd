"""Things of one kind that wait together are done by one piece of work, and a fault spoils nobody's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.errors import BadInput
from intouch.outbox.models import Lease
from intouch.runtime import Runtime
from intouch.storage.batch_commit import LARGEST_BATCH, BatchCommit
from tests.storage.test_group_commit import NOW, stored


class Register:
    """Stores names, leaves odd ones alone, and falls over as it is told."""

    def __init__(self, runtime: Runtime) -> None:
        self.sizes: list[int] = []
        self.faults: list[Exception] = []
        self.breaks: Exception | None = None
        self.commits: BatchCommit[str, str] = BatchCommit(runtime.sessions, self.write, self.faults.append)

    async def write(self, session: AsyncSession, names: Sequence[str]) -> list[str | None]:
        self.sizes.append(len(names))
        plain = [name for name in names if name.isalnum()]
        session.add_all(Lease(name=name, holder="me", until=NOW) for name in plain)
        await session.flush()
        if self.breaks is not None:
            raise self.breaks
        return [name if name in plain else None for name in names]

    async def hear(self, *names: str) -> list[str | None]:
        return list(await asyncio.gather(*(self.commits.run(name) for name in names)))


@pytest.fixture
def register(runtime: Runtime) -> Register:
    return Register(runtime)


async def test_each_hears_its_own_result_and_what_is_odd_is_left_alone(runtime: Runtime, register: Register) -> None:
    names = [str(number) for number in range(30)]
    assert await register.hear(*names, "?") == [*names, None]
    assert await stored(runtime) == set(names)
    assert len(register.sizes) < 10
    await register.commits.close()


async def test_a_batch_has_an_end(register: Register) -> None:
    await register.hear(*(str(number) for number in range(3 * LARGEST_BATCH)))
    assert max(register.sizes) <= LARGEST_BATCH


@pytest.mark.parametrize("fault", [BadInput("no"), ZeroDivisionError(), sa.exc.OperationalError("", {}, Exception())])
async def test_a_fault_takes_all_back_and_each_is_left_to_itself(runtime: Runtime, register: Register, fault: Exception) -> None:
    register.breaks = fault
    assert await register.hear("alice", "bob") == [None, None]
    assert await stored(runtime) == set()
    assert fault in register.faults
    register.breaks = None
    assert await register.hear("alice") == ["alice"]
    assert await stored(runtime) == {"alice"}


async def test_a_name_that_is_taken_is_left_to_itself_too(runtime: Runtime, register: Register) -> None:
    await register.hear("alice")
    assert await register.hear("alice", "bob") == [None, None]
    assert await stored(runtime) == {"alice"}


async def test_whoever_goes_away_is_not_waited_for(runtime: Runtime, register: Register) -> None:
    first = asyncio.create_task(register.hear("alice"))
    going = asyncio.create_task(register.hear("bob"))
    await asyncio.sleep(0)
    going.cancel()
    assert await first == ["alice"]
    assert await register.hear("carol") == ["carol"]
    await register.commits.close()
    assert {"alice", "carol"} <= await stored(runtime)


async def test_inside_a_transaction_it_would_wait_for_itself(runtime: Runtime, register: Register) -> None:
    async with runtime.sessions.write():
        with pytest.raises(RuntimeError, match="already open"):
            await register.commits.run("alice")


async def test_all_of_a_batch_are_stored_before_anybody_goes_on(runtime: Runtime) -> None:
    said: list[str] = []

    async def write(_session: AsyncSession, names: Sequence[str]) -> list[str | None]:
        return [name if name != "by itself" else None for name in names]

    async def goes_on(name: str) -> None:
        await commits.run(name, lambda: said.append(f"{name} is stored"))
        said.append(f"{name} goes on")

    commits: BatchCommit[str, str] = BatchCommit(runtime.sessions, write, lambda _error: None)
    await asyncio.gather(*(goes_on(name) for name in ("alice", "by itself", "bob")))
    assert said[:2] == ["alice is stored", "bob is stored"]
    assert sorted(said[2:]) == ["alice goes on", "bob goes on", "by itself goes on"]
