"""Settler: outcomes that wait together are committed together, and a fault in one never fails its neighbours."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from operator import attrgetter

import sqlalchemy as sa

from intouch import logs
from intouch.channels.outcomes import Verdict
from intouch.clock import Clock
from intouch.outbox import settling
from intouch.outbox.settling import Follow, Rules, Settled
from intouch.storage import troubles
from intouch.storage.sessions import Sessions, is_storage_failure

log = logs.get("outbox")

_VERDICT = attrgetter("outcome.verdict")
LARGEST_GROUP = 250
MOST_UNWRITTEN = 200  # and what the connections have under way by then makes it a group
WORTH_WRITING = LARGEST_GROUP // 2  # while one half is being written the other comes in: nobody waits, and commits stay few
LINGER = 0.02  # seconds: a larger group is worth waiting a moment for
_LONGEST_PAUSE = 5.0


class Settler:
    """Takes outcomes from everywhere and writes them in groups; while the database is away it keeps them and tries again."""

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        rules: Rules,
        *,
        follow: Follow,
        done: Callable[[Iterable[int]], None],
        note_sent: Callable[[int], None] | None = None,
        linger: float = LINGER,
    ) -> None:
        """``linger``: seconds that fewer outcomes than are worth writing wait for others; else than usual only in tests."""
        self._sessions = sessions
        self._clock = clock
        self._rules = rules
        self._follow = follow
        self._done = done
        self._note_sent = note_sent
        self._waiting: list[Settled] = []
        self._writer: asyncio.Task[None] | None = None
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._linger = linger
        self._is_worth_writing = asyncio.Event()
        self.counts: Counter[str] = Counter()

    def put(self, one: Settled) -> None:
        """Have an outcome written soon."""
        self._waiting.append(one)
        if len(self._waiting) >= MOST_UNWRITTEN:
            self._has_room.clear()
        if len(self._waiting) >= WORTH_WRITING:
            self._is_worth_writing.set()
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())

    async def room(self, _number: int = 0) -> bool:
        """Wait until no more than a group is unwritten: that much, and not more, may come twice when this process is killed."""
        await self._has_room.wait()
        return True

    async def idle(self) -> None:
        """Until everything that was put is written."""
        while self._writer is not None and not self._writer.done():
            await asyncio.wait([self._writer])

    async def stop(self) -> None:
        """Give up what is not written yet: its leases run out, and then it is swept."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait([self._writer])

    async def _write_all(self) -> None:
        pause = 0.1
        while self._waiting:
            if len(self._waiting) < WORTH_WRITING:
                await self._wait_for_more()
            group = self._waiting[:LARGEST_GROUP]
            try:
                await self._write(group)
            except Exception as error:
                log.warning("outbox.settle_waits", outcomes=len(self._waiting), error=type(error).__name__, pause=pause)
                await asyncio.sleep(pause)
                pause = min(_LONGEST_PAUSE, pause * 2)
                continue
            pause = 0.1
            del self._waiting[: len(group)]
            if len(self._waiting) < MOST_UNWRITTEN:
                self._has_room.set()
            self._note(group)

    async def _wait_for_more(self) -> None:
        self._is_worth_writing.clear()
        alarm = asyncio.get_running_loop().call_later(self._linger, self._is_worth_writing.set)
        await self._is_worth_writing.wait()
        alarm.cancel()

    async def _write(self, group: list[Settled]) -> None:
        """Write a group. Raises when the database is at fault; what others do about it never is."""
        try:
            return await self._commit(group, self._follow)
        except Exception as error:
            log.warning("outbox.group_failed", outcomes=len(group), error=type(error).__name__)
        followed = [one for one in group if settling.may_be_followed(one)]
        others = [one for one in group if not settling.may_be_followed(one)]
        try:
            await self._commit(others, Follow())
        except Exception as error:
            if _may_pass(error):
                raise
            for one in others:
                await self._write_alone(one)
        for one in followed:
            await self._write_alone(one)
        return None

    async def _write_alone(self, one: Settled) -> None:
        # First as it is, then without what others do about it: that an address is gone must be kept in any case.
        for follow in (self._follow, None):
            try:
                return await self._commit([one], follow)
            except Exception as error:
                if troubles.will_pass(error) or (follow is None and _may_pass(error)):
                    raise  # and what others do about it is not lost either
                log.error("outbox.outcome_failed", delivery=one.delivery.id, error=type(error).__name__, exc_info=True)
        log.error("outbox.outcome_dropped", delivery=one.delivery.id)
        return None

    async def _commit(self, group: list[Settled], follow: Follow | None) -> None:
        now = self._clock.now()
        async with self._sessions.in_time():
            written = await self._sessions.transact(lambda session: settling.settle(session, group, self._rules, now=now, follow=follow))
        if written < len(group):
            log.warning("outbox.lease_lost", outcomes=len(group) - written)
        elif self._note_sent is not None:
            sent = next((one for one in reversed(group) if one.outcome.verdict is Verdict.SENT), None)
            if sent is not None:
                self._note_sent(sent.delivery.id)

    def _note(self, group: list[Settled]) -> None:
        verdicts = Counter(map(str, map(_VERDICT, group)))
        self.counts.update(verdicts)
        log.debug("outbox.settled", **{verdict.replace(" ", "_"): number for verdict, number in verdicts.items()})
        self._done(one.delivery.id for one in group)


def _may_pass(error: Exception) -> bool:
    """Whether the same statement may succeed later: anything from the database but the verdict that the statement is wrong.

    A PostgreSQL that is restarted shows as a plain ``DBAPIError``, and while it starts as an error of asyncpg itself.
    """
    if is_storage_failure(error):
        return True
    if isinstance(error, (sa.exc.IntegrityError, sa.exc.DataError, sa.exc.ProgrammingError)):
        return False
    return isinstance(error, sa.exc.DBAPIError) or type(error).__module__.startswith("asyncpg")
