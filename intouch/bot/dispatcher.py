"""Dispatcher: takes one update through one transaction, and sends what came of it."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from intouch import logs
from intouch.bot import application, incoming, opening, photos, replying, tapping
from intouch.bot.turn import Content, Incoming, Reply, Turn
from intouch.channels.pacing import REPLY, Pacer
from intouch.channels.telegram import CouncilBot
from intouch.errors import InTouchError
from intouch.residents import dialogues, reaching
from intouch.runtime import Runtime
from intouch.storage.batch_commit import BatchCommit
from intouch.storage.group_commit import GroupCommit
from intouch.storage.sessions import is_storage_failure

log = logs.get("bot")

_REMEMBERED = 10_000
NUDGE_AFTER = 0.05

StopWaiting = Callable[[str, str], bool]


class Dispatcher:
    """Handles updates of one bot: people side by side, one person's messages in the order they were sent."""

    def __init__(self, runtime: Runtime, bot: CouncilBot, nudge_sender: Callable[[], None], pacer: Pacer | None = None) -> None:
        self.runtime = runtime
        self.bot = bot
        self._pacer = pacer or Pacer()
        self._nudge_sender = nudge_sender
        self._nudge: asyncio.TimerHandle | None = None
        self._commits = GroupCommit(runtime.sessions)
        self._taps: BatchCommit[Incoming, Reply] = BatchCommit(runtime.sessions, partial(tapping.answer, runtime), _taken_back)
        self._turns: dict[int, tuple[asyncio.Lock, int]] = {}
        # Which updates this process replied to: Telegram may deliver one again, and nobody wants to read twice.
        self._replied: OrderedDict[int, None] = OrderedDict()

    async def take(
        self, body: dict[str, Any], *, stop_waiting: StopWaiting | None = None, tap_is_stored: Callable[[], None] | None = None
    ) -> None:
        """Do what the update in ``body`` asks for and reply; never raises, whatever arrives.

        ``stop_waiting`` is offered the answer to a tap once its effect is stored, and says whether it took it; ``tap_is_stored``
        hears of it before anybody is replied to.
        """
        try:
            arrived = incoming.read(body)
            if arrived.blocker is not None:
                await self._lose(arrived.blocker, body["update_id"])
            if arrived.incoming is not None:
                await self._take(arrived.incoming, stop_waiting, tap_is_stored or _nothing)
        except Exception:
            log.exception("bot.update_failed", update=body["update_id"])

    async def _lose(self, telegram_id: int, update_id: int) -> None:
        """They blocked the bot; told again after a crash, it must not undo their return."""
        async with self._one_at_a_time(telegram_id), self.runtime.sessions.write() as session:
            if await dialogues.is_new_update(session, update_id, now=self.runtime.now()):
                await reaching.telegram_gone(session, telegram_id, now=self.runtime.now())

    async def _take(self, what: Incoming, stop_waiting: StopWaiting | None, tap_is_stored: Callable[[], None]) -> None:
        if not self._is_on_the_list(what):
            return
        async with self._one_at_a_time(what.telegram_id):
            if what.key in self._replied:  # also one that was refused, and so left nothing in the database
                return
            reply = await self._decide(what, tap_is_stored)
            if what.content is Content.TAP:
                tap_is_stored()
            await self._count(what, reply)
            is_answered = what.content is Content.TAP and stop_waiting is not None and stop_waiting(what.tap_id, reply.toast)
            await replying.send(self.runtime, self.bot, what, reply, is_tap_answered=is_answered)
            self._remember(what.key)
        self._nudge_soon()

    def _is_on_the_list(self, what: Incoming) -> bool:
        """A staging system neither answers nor keeps what anybody else sends: they think that they speak with the council."""
        is_named = self.runtime.settings.may_send_to(str(what.telegram_id))
        if not is_named:
            log.warning("bot.not_on_the_list", chat=what.telegram_id, advice="add the chat to INTOUCH_SEND_TO if it may use this system")
        return is_named

    async def _count(self, what: Incoming, reply: Reply) -> None:
        """Replies never wait, but Telegram counts them: bulk makes room."""
        for one in (reply, *reply.more):
            if one.message is not None:
                await self._pacer.turn(str(what.telegram_id), REPLY)

    def _nudge_soon(self) -> None:
        """Many taps at once are one reason to look into the outbox, not many."""
        if self._nudge is None:
            self._nudge = asyncio.get_running_loop().call_later(NUDGE_AFTER, self._nudge_now)

    def _nudge_now(self) -> None:
        self._nudge = None
        self._nudge_sender()

    async def _decide(self, what: Incoming, tap_is_stored: Callable[[], None]) -> Reply:
        """The reply to an update, with all it changed committed, or nothing changed and a sentence that says so."""
        templates = self.runtime.templates
        try:
            reply: Reply | None = await self._taps.run(what, tap_is_stored) if tapping.is_survey_tap(what) else None
            if reply is None:
                extra = await photos.fetch(self.runtime, self.bot, self._pacer, what)
                reply = await self._commits.run(partial(self._answer, what, extra))
        except InTouchError as error:
            return Reply(templates.telegram("help/sorry", sentence=str(error)))
        except Exception as error:
            return self._apology(what, error)
        assert reply is not None
        return reply

    async def _answer(self, what: Incoming, extra: Mapping[str, Any], session: AsyncSession) -> Reply:
        turn = await opening.open_turn(self.runtime, session, what)
        turn.extra.update(extra)
        if await dialogues.is_new_update(session, what.key, now=turn.now):
            return await application.answer(turn)
        return await self._answer_repeated(turn)

    def _apology(self, what: Incoming, error: Exception) -> Reply:
        if is_storage_failure(error):
            log.error("bot.storage_failed", update=what.update_id, error=type(error).__name__)
            return Reply(self.runtime.templates.telegram("help/not_saved"))
        number = secrets.token_hex(4)
        log.exception("bot.bug", number=number, update=what.update_id, exc_info=error)
        return Reply(self.runtime.templates.telegram("help/apology", number=number))

    async def _answer_repeated(self, turn: Turn) -> Reply:
        """An update whose effect is stored already: its reply may have been lost in a crash, so ask what is open again."""
        if turn.incoming.content is Content.TAP:
            return Reply()
        return await application.ask_again(turn) or Reply()

    async def close(self) -> None:
        """Let go of what is being committed."""
        if self._nudge is not None:
            self._nudge.cancel()
        await self._taps.close()
        await self._commits.close()

    def _remember(self, key: int) -> None:
        self._replied[key] = None
        while len(self._replied) > _REMEMBERED:
            self._replied.popitem(last=False)

    @asynccontextmanager
    async def _one_at_a_time(self, telegram_id: int) -> AsyncIterator[None]:
        lock, waiting = self._turns.get(telegram_id, (asyncio.Lock(), 0))
        self._turns[telegram_id] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._turns.pop(telegram_id)
            if waiting > 1:
                self._turns[telegram_id] = (lock, waiting - 1)


def _nothing() -> None:
    """Nobody wants to know."""


def _taken_back(error: Exception) -> None:
    log.warning("bot.taps_taken_back", error=type(error).__name__, advice="each is done by itself now")
