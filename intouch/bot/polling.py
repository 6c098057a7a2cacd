"""Polling: fetches updates from the Bot API and lets go of one only when its effect is stored."""

from __future__ import annotations

import asyncio
import contextlib
import time
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
import telegram

from intouch import logs
from intouch.bot import ending, incoming, menu
from intouch.bot.dispatcher import Dispatcher
from intouch.bot.handful import PATIENCE, Handful
from intouch.bot.incoming import ALLOWED_UPDATES
from intouch.channels.aiohttp_request import TurnedAway
from intouch.channels.calling import NotUnderstood, understood
from intouch.channels.telegram import CouncilBot
from intouch.outbox import leases
from intouch.outbox.presence import Presence
from intouch.residents.models import WaitingUpdate
from intouch.runtime import Runtime
from intouch.storage.inserting import insert_ignoring

log = logs.get("bot")
# It advises its own get_updates, which reads all updates at once or none.
warnings.filterwarnings("ignore", message="Please use 'Bot.getUpdates'")

LONG_POLL = 25  # seconds that the Bot API may keep a question open
ANSWER_WITHIN = 10  # seconds more for the answer to come
LEAST_BETWEEN = 0.5  # seconds between two questions to which there was no answer
IMPATIENCE = 0.1
BATCH = 100
MOST_UNDER_WAY = 400
# Seconds of even the fastest answer where the Bot API is far: then full handfuls are written down, and the next are asked for at once.
FAR = 0.015
# Updates that were written down are crossed off together.
CROSS_OFF_WITHIN = 0.2
LEASE = "bot's poller"
LEASE_SECONDS = 60
RENEW_EVERY = 10.0  # seconds; not at each question, of which a busy hour has dozens a second
LONGEST_PAUSE = 30.0


class Poller:
    """Asks for updates as long as this process holds the poller's lease: the Bot API allows one poller at a time."""

    def __init__(self, runtime: Runtime, bot: CouncilBot, dispatcher: Dispatcher, presence: Presence) -> None:
        self.runtime = runtime
        self.bot = bot
        self.dispatcher = dispatcher
        self.presence = presence
        self.is_polling = False
        self._is_waiting = False
        self._renewed_at = float("-inf")
        self._offset: int | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._has_room = asyncio.Event()
        self._written: set[int] = set()
        self._done: set[int] = set()
        self._crossing_off: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Poll until cancelled; the Bot API being away is waited for, however long that takes."""
        pause = 1.0
        try:
            while True:
                try:
                    if not await self._hold_lease():
                        self._tell_waiting()
                        await asyncio.sleep(5)
                        continue
                    if not self.is_polling:
                        await self._begin()
                    await self._poll()
                    pause = 1.0
                except (telegram.error.TelegramError, OSError, sa.exc.SQLAlchemyError) as error:
                    self._renewed_at = float("-inf")  # it may be another that polls now
                    log.warning("bot.poll_failed", error=type(error).__name__, why=_why(error), pause=pause)
                    if isinstance(error, telegram.error.Conflict):
                        await self._end_webhook()
                    await asyncio.sleep(_retry_after(error) or pause)
                    pause = min(LONGEST_PAUSE, pause * 2)
        finally:
            await self._finish()

    async def _begin(self) -> None:
        await understood(self.bot.delete_webhook())  # one that somebody set would stop polling
        await menu.publish(self.runtime, self.bot)
        self.is_polling = True
        async with self.runtime.sessions.read() as session:
            bodies = list(await session.scalars(sa.select(WaitingUpdate.body).order_by(WaitingUpdate.update_id)))
        for body in bodies:
            self._written.add(body["update_id"])
            self._take(body, Handful([body]))
        log.info("bot.polling", waiting=len(bodies))

    async def _poll(self) -> None:
        await self._wait_for_room()
        began = time.monotonic()
        bodies = await self._fetch()
        if not bodies:
            # Nothing at once comes from what does not know how to wait, such as a Bot API for tests.
            await asyncio.sleep(began + LEAST_BETWEEN - time.monotonic())
            return
        # A full one says that more are waiting.
        is_full = len(bodies) >= BATCH
        handful = Handful(bodies)
        if is_full and self.bot.fastest >= FAR:
            await self._write_down(bodies)  # so that what these do and the way of the next take the same time
            self._take_all(bodies, handful)
        else:
            self._take_all(bodies, handful)
            # Then the calls of these need not all end first.
            await handful.wait(standstill=IMPATIENCE if is_full else PATIENCE)
            await self._write_down(handful.left)
        self._done &= self._written
        self._cross_off_soon()
        # Only now: asking from the next number on is what makes the Bot API forget these.
        self._offset = bodies[-1]["update_id"] + 1

    async def _wait_for_room(self) -> None:
        while len(self._under_way) > MOST_UNDER_WAY:
            self._has_room.clear()
            await self._has_room.wait()

    async def _fetch(self) -> list[dict[str, Any]]:
        """The next updates as the Bot API writes them. Not read by the library: one that it can't read would cost us all of them."""
        wanted = {"offset": self._offset, "limit": BATCH, "timeout": LONG_POLL, "allowed_updates": ALLOWED_UPDATES}
        found: Any = await understood(self.bot.do_api_request("getUpdates", wanted, read_timeout=LONG_POLL + ANSWER_WITHIN))
        if not isinstance(found, list) or not all(map(incoming.is_update, found)):
            raise NotUnderstood("the Bot API answered with something that is no list of updates")
        return found

    def _take_all(self, bodies: Sequence[dict[str, Any]], handful: Handful) -> None:
        for body in bodies:
            self._take(body, handful)

    def _take(self, body: dict[str, Any], handful: Handful) -> None:
        """It is settled as soon as the Bot API may forget it: a tap when its effect is stored, anything else when it was answered too.

        A tap that comes again gets no other reply than this one, so there is nothing to wait for; and while its calls are under way,
        the next taps can be stored.
        """
        task = asyncio.create_task(self._take_and_cross_off(body, handful))
        self._under_way.add(task)
        task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if len(self._under_way) <= MOST_UNDER_WAY:
            self._has_room.set()

    async def _take_and_cross_off(self, body: dict[str, Any], handful: Handful) -> None:
        settle = partial(handful.settle, body["update_id"])
        try:
            await self.dispatcher.take(body, tap_is_stored=settle)
            self._done.add(body["update_id"])
            self._cross_off_soon()
        finally:
            settle()

    def _cross_off_soon(self) -> None:
        if self._done & self._written and (self._crossing_off is None or self._crossing_off.done()):
            self._crossing_off = asyncio.create_task(self._cross_off_together())

    async def _write_down(self, bodies: Sequence[dict[str, Any]]) -> None:
        if not bodies:
            return
        now = self.runtime.now()
        rows = [{"update_id": body["update_id"], "body": body, "received_at": now} for body in bodies]
        async with self.runtime.sessions.write() as session:
            await insert_ignoring(session, WaitingUpdate, rows)
        self._written.update(body["update_id"] for body in bodies)

    async def _cross_off_together(self) -> None:
        while self._done & self._written:
            await asyncio.sleep(CROSS_OFF_WITHIN)
            with contextlib.suppress(sa.exc.SQLAlchemyError, OSError):  # they are handled once all the same
                await self._cross_off()

    async def _cross_off(self) -> None:
        """Forget updates that were written down, now that their effect is stored."""
        done = self._written & self._done
        if done:
            async with self.runtime.sessions.write() as session:
                await session.execute(sa.delete(WaitingUpdate).where(WaitingUpdate.update_id.in_(done)))
        self._written -= done
        self._done -= done

    def _tell_waiting(self) -> None:
        if not self._is_waiting:
            log.info("bot.waits", why=f"another process polls; this one takes over within {LEASE_SECONDS} seconds of its end")
        self._is_waiting = True

    async def _hold_lease(self) -> bool:
        began = time.monotonic()
        if self.is_polling and began - self._renewed_at < RENEW_EVERY:
            return True
        async with self.runtime.sessions.write() as session:
            held = await leases.take(
                session,
                LEASE,
                holder=self.presence.name,
                seconds=LEASE_SECONDS,
                now=self.runtime.now(),
                has_ended=self.presence.has_ended,
            )
        self.is_polling = self.is_polling and held
        self._is_waiting = self._is_waiting and not held
        self._renewed_at = began
        return held

    async def _end_webhook(self) -> None:
        """One that somebody set from outside meanwhile; where it is another poller that is in the way, this changes nothing."""
        with contextlib.suppress(telegram.error.TelegramError, OSError):
            await understood(self.bot.delete_webhook())

    async def _finish(self) -> None:
        """Let what is under way end, tell the Bot API how far we came, and give up the lease."""
        await ending.end(self._under_way)
        with contextlib.suppress(telegram.error.TelegramError, OSError, TimeoutError):
            if self._offset is not None:
                await asyncio.wait_for(understood(self.bot.get_updates(offset=self._offset, timeout=0, limit=1)), timeout=2)
        if self._crossing_off is not None:
            self._crossing_off.cancel()
        with contextlib.suppress(sa.exc.SQLAlchemyError, OSError):
            await self._cross_off()
            async with self.runtime.sessions.write() as session:
                await leases.release(session, LEASE, holder=self.presence.name)
        await self.dispatcher.close()


def _why(error: BaseException) -> str:
    """What to do about it, where that is known; an error's own words may hold what people wrote."""
    match error:
        case telegram.error.Conflict():
            return "another process polls with this token, or somebody set a webhook; stop it, or give In Touch a token of its own"
        case telegram.error.InvalidToken() | telegram.error.EndPointNotFound() | telegram.error.Forbidden():
            return "the Bot API does not know this token; check INTOUCH_TELEGRAM_TOKEN"
        case NotUnderstood() | TurnedAway():
            return "what answered is no Bot API; check INTOUCH_TELEGRAM_API_URL and what stands before it; trying again"
    return "the Bot API or the database is away; trying again"


def _retry_after(error: BaseException) -> float | None:
    if not isinstance(error, telegram.error.RetryAfter):
        return None
    wait = error.retry_after
    return float(wait if isinstance(wait, int) else wait.total_seconds())
