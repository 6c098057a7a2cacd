"""Group commit: writers that wait together share one transaction, and each hears only its own result."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from intouch.storage.pump import Pump
from intouch.storage.sessions import Sessions, writing

LARGEST_GROUP = 64
LONGEST_GROUP = 0.05  # seconds: whoever is first in a group should not wait long for whoever is last

Work = Callable[[AsyncSession], Awaitable[Any]]


class GroupBroken(Exception):
    """The shared transaction can't be trusted any more: its members are done once more, each by itself."""


@dataclass(slots=True)
class Member:
    """One writer that waits: what it does, and where it hears what came of it."""

    work: Work
    heard: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None

    def tell(self) -> None:
        if self.heard.done():
            return  # whoever asked has gone
        if self.error is not None:
            self.heard.set_exception(self.error)
        else:
            self.heard.set_result(self.result)

    def fail(self, error: Exception) -> None:
        self.result, self.error = None, error
        self.tell()


class GroupCommit:
    """Runs writing work in groups: a savepoint each inside one transaction, one COMMIT for all.

    The members of a group run one after another on one connection, each with a session of its own, so that it reads what a
    transaction of its own would read. A fault takes back its own savepoint. Work may be run twice (when a neighbour broke the
    transaction), so it does nothing but read and write its session: no network, nothing in memory that counts.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self.pump = Pump(sessions, self._settle, largest=LARGEST_GROUP)

    async def run(self, work: Work) -> Any:
        """The result of ``work``, once it is committed; or its own error, with nothing of it stored."""
        member = Member(work, asyncio.get_running_loop().create_future())
        self.pump.add(member)
        return await member.heard

    async def close(self) -> None:
        """Let the groups that are under way end."""
        await self.pump.close()

    async def _settle(self, waiting: list[Member]) -> Sequence[Member]:
        """Run a group to its end and tell its members; those for whom no time was left go first next time."""
        group = [member for member in waiting if not member.heard.done()]
        if not group:
            return ()
        try:
            done = await self._transact(group)
        except (GroupBroken, sa.exc.IntegrityError):  # a constraint that is looked at last shows at the COMMIT, and takes all back
            for member in group:
                await self._settle_alone(member)
            return ()
        except asyncio.CancelledError:
            for member in group:
                member.heard.cancel()
            raise
        except Exception as error:  # the COMMIT, or no connection: nobody's work is stored
            for member in group:
                member.fail(error)
            return ()
        for member in group[:done]:
            member.tell()
        return group[done:]

    async def _settle_alone(self, member: Member) -> None:
        try:
            await self._transact([member])
        except Exception as error:
            member.fail(member.error or error)
        else:
            member.tell()

    async def _transact(self, group: Sequence[Member]) -> int:
        async with self._sessions.turn():
            return await self._sessions.in_writer(lambda engine: transact(engine, group))


async def transact(engine: AsyncEngine, group: Sequence[Member]) -> int:
    """One transaction for as many of the group as time allows; how many. Nobody is told before this returns."""
    token = writing.set(True)
    try:
        async with engine.connect() as connection, connection.begin():
            until = time.monotonic() + LONGEST_GROUP
            for number, member in enumerate(group):
                if number and time.monotonic() > until:
                    return number
                await _do(connection, member, is_alone=len(group) == 1)
        return len(group)
    finally:
        writing.reset(token)


async def _do(connection: AsyncConnection, member: Member, *, is_alone: bool) -> None:
    member.result = member.error = None
    try:
        async with AsyncSession(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session, session.begin():
            member.result = await member.work(session)
    except Exception as error:
        member.error = error
        if is_alone and _breaks(error):
            raise
        if _breaks(error):
            raise GroupBroken from error


def _breaks(error: BaseException) -> bool:
    """Whether the whole transaction may be gone: a full disk rolls all of it back, a lost line too, and a savepoint can't tell."""
    return isinstance(error, (sa.exc.SQLAlchemyError, OSError)) and not isinstance(error, sa.exc.IntegrityError)
