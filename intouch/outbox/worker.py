"""Worker: claims what is due, has it rendered, hands it to the channels and settles what came of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from intouch import logs
from intouch.channels import outcomes
from intouch.channels.outcomes import Channel, Outcome
from intouch.clock import Clock, elapsed
from intouch.outbox import claiming
from intouch.outbox.beginning import Beginnings
from intouch.outbox.claiming import Claim
from intouch.outbox.epoch import Look
from intouch.outbox.flights import Flights, Hold, Line
from intouch.outbox.habits import Habits
from intouch.outbox.models import Lane, Road
from intouch.outbox.packing import Begin, Packer
from intouch.outbox.parcel import Parcel
from intouch.outbox.presence import Presence
from intouch.outbox.recalling import Recalls, WhoLeft
from intouch.outbox.rendering import Renderer
from intouch.outbox.rounds import Rounds
from intouch.outbox.settler import Settler
from intouch.outbox.settling import Follow, Rules, Settled
from intouch.storage.sessions import Sessions

log = logs.get("outbox")

LANES = ((Lane.REPLY,), (Lane.NOTICE,), (Lane.BULK,))
# How long, in seconds, rounds that are under way may take to end by themselves.
PARTING = 1.5


def _everybody(_address: str) -> bool:
    return True


class Worker:
    """Sends what is in the outbox until it is stopped; as many processes as wanted may run one each on PostgreSQL.

    Each road has a line for each lane, so that nothing stands in the way of what goes before it, whatever it waits for.
    The claim is committed before any call and the outcome after it; no network is awaited inside a transaction.
    """

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        presence: Presence,
        *,
        renderers: Mapping[str, Renderer],
        channels: Mapping[Road, Channel],
        email_from: str,
        return_path: Callable[[int], str] | None = None,
        may_send_to: Callable[[str], bool] = _everybody,
        follow: Follow | None = None,
        who_left: WhoLeft | None = None,
        habits: Habits | None = None,
        chat_gap: float = 1.0,
        beat: Callable[[], Awaitable[object]] | None = None,
        before_claim: Callable[[], Look] | None = None,
        note_sent: Callable[[int], None] | None = None,
    ) -> None:
        self.habits = habits or Habits()
        self._before_claim = before_claim
        self.holder = presence.name
        self._sessions = sessions
        self._clock = clock
        self._channels = channels
        self._may_send_to = may_send_to
        self._flights = Flights(self.habits.lease.total_seconds())
        self._recalls = Recalls(who_left)
        rules = Rules(self.holder, self.habits.harmless, self.habits.patience)
        self._settler = Settler(sessions, clock, rules, follow=follow or Follow(), done=self._flights.end, note_sent=note_sent)
        beginnings = Beginnings(sessions, clock, self.holder, apart=chat_gap)
        begin: dict[Road, Begin] = {Road.TELEGRAM: beginnings.begin, Road.EMAIL: self._settler.room}
        self._packer = Packer(sessions, renderers, now=clock.now, email_from=email_from, return_path=return_path, begin=begin)
        self._rounds = Rounds(sessions, clock, presence, self.habits, self._flights, recalls=self._recalls, nudge=self.nudge, beat=beat)
        self._lines = [line for road in channels for line in self._lines_of(road)]
        self._feeding: list[asyncio.Task[None]] = []
        self._carrying: set[asyncio.Task[None]] = set()
        self._is_stopping = False
        self._stopped = asyncio.Event()

    def _lines_of(self, road: Road) -> list[Line]:
        pace, hold = self.habits.paces[road], Hold()
        return [Line(road, lanes, pace.size, pace.most, hold) for lanes in LANES]

    @property
    def counts(self) -> Counter[str]:
        """How many outcomes of each verdict this worker has written."""
        return self._settler.counts

    def nudge(self) -> None:
        """Look for work at once: somebody has just queued something."""
        for line in self._lines:
            line.bell.set()

    async def run(self) -> None:
        """Send until ``stop`` is called; no fault of database, network or renderer ends this."""
        await self._rounds.first_beat(lambda: self._is_stopping)
        self._feeding = [asyncio.create_task(self._feed(line)) for line in self._lines]
        tasks = [*self._feeding, *self._rounds.begin(self._stopped)]
        try:
            await self._stopped.wait()
        finally:
            await self._end(tasks)

    async def stop(self, *, within: float = 8.0) -> None:
        """Claim nothing more, finish what is under way in ``within`` seconds, and give back what was not begun."""
        self._is_stopping = True
        self.nudge()
        for channel in self._channels.values():
            channel.halt()
        try:
            async with asyncio.timeout(within):
                # In this order: a claim that is just being committed must still be carried, and so given back.
                while under_way := {task for task in (*self._feeding, *self._carrying) if not task.done()}:
                    await asyncio.wait(under_way)
                await self._settler.idle()
                if self._feeding:
                    await self._rounds.last_beat()
        except TimeoutError:
            log.warning("outbox.stopped_in_flight", deliveries=len(self._flights))
        self._stopped.set()

    async def send_due(self) -> Counter[str]:
        """Send everything that is due now and return the outcomes: for commands and tests, without ``run``."""
        before = self.counts.copy()
        for line in self._lines:
            while await self._claim(line):
                if self._carrying:  # else all that was due has been cancelled or put aside
                    await asyncio.wait(self._carrying)
                await self._settler.idle()
                if line.hold.left():
                    break
        return self.counts - before

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        leaving = [*tasks, *self._carrying]
        # A statement that is cancelled half-way may leave its connection holding SQLite's one writer: let it end first.
        await asyncio.wait(leaving, timeout=PARTING)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        await self._settler.stop()
        for channel in self._channels.values():
            await channel.close()

    async def _feed(self, line: Line) -> None:
        pause = 0.5
        while not self._is_stopping:
            try:
                if not line.has_room():
                    await line.wait(None)
                elif line.hold.left():
                    await line.wait(line.hold.left())
                elif not await self._claim(line):
                    await line.wait(self.habits.poll)
                pause = 0.5
            except Exception as error:
                log.warning("outbox.claim_failed", road=line.road.value, error=type(error).__name__, pause=pause, exc_info=True)
                await line.wait(pause)
                pause = min(10.0, pause * 2)

    async def _claim(self, line: Line) -> int:
        """Claim for a line and send it on its way; how many deliveries were touched."""
        if not line.is_flowing and not await self._is_anything_due(line):
            return 0
        claimed_at = elapsed()
        wanted = Claim(
            road=line.road,
            lanes=line.lanes,
            size=line.size,
            holder=self.holder,
            lease=self.habits.lease,
            may_send_to=self._may_send_to,
        )
        now, look = self._clock.now(), self._before_claim() if self._before_claim else None
        async with self._sessions.in_time():
            claimed = await self._sessions.transact(lambda session: claiming.claim(session, wanted, now=now))
        if claimed.deliveries:
            self._flights.begin(line, claimed.deliveries, claimed_at=claimed_at)
            task = asyncio.create_task(self._carry(line, claimed.deliveries, now, look))
            self._carrying.add(task)
            task.add_done_callback(self._carrying.discard)
        touched = len(claimed.deliveries) + claimed.cancelled
        line.is_flowing = touched >= line.size
        return touched

    async def _is_anything_due(self, line: Line) -> bool:
        async with self._sessions.in_time(), self._sessions.glance() as session:
            return await claiming.is_anything_due(session, line.road, line.lanes, now=self._clock.now())

    async def _carry(self, line: Line, deliveries: list[Parcel], claimed_at: datetime, look: Look | None) -> None:
        """One batch, from claimed to handed to the settler; whatever happens, each delivery gets an outcome."""
        left = {delivery.id: delivery for delivery in deliveries}
        with self._recalls.watch(left, claimed_at=claimed_at):
            await self._send(line, deliveries, left, look)

    async def _send(self, line: Line, deliveries: list[Parcel], left: dict[int, Parcel], look: Look | None) -> None:
        otherwise = outcomes.not_tried("the batch could not be prepared", after=1.0)
        try:
            async with self._sessions.in_time():
                if look is not None and await look():
                    self._flights.recall(self._flights.ids())
                packed = await self._packer.pack(deliveries, self._flights.is_ours)
            for one in packed.settled:
                self._settler.put(Settled(left.pop(one.delivery.id), one.outcome))
            if packed.envelopes:
                otherwise = outcomes.unknown("the channel failed")  # from here on anything may have been sent
                await self._channels[line.road].send_batch(
                    packed.envelopes, lambda number, outcome: self._conclude(line, left.pop(number), outcome)
                )
        except Exception as error:
            log.error("outbox.batch_failed", road=line.road.value, deliveries=len(left), error=type(error).__name__, exc_info=True)
            for delivery in left.values():
                self._conclude(line, delivery, otherwise)

    def _conclude(self, line: Line, delivery: Parcel, outcome: Outcome) -> None:
        if line.hold.note(outcome):
            log.warning("outbox.road_closed", road=line.road.value, seconds=line.hold.length, reason=outcome.error)
        self._settler.put(Settled(delivery, outcome))
