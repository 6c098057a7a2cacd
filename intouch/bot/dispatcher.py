"""Dispatcher: takes one update through one transaction, and sends what came of it."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import sqlalchemy as sa
import telegram
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import logs
from intouch.bot import application, incoming, photos, replying
from intouch.bot.turn import Content, Incoming, Reply, Turn
from intouch.council import people
from intouch.errors import InTouchError
from intouch.residents import dialogues, reaching
from intouch.residents.models import Resident
from intouch.runtime import Runtime
from intouch.storage.sessions import is_storage_failure

log = logs.get("bot")

_REMEMBERED = 10_000


class Dispatcher:
    """Handles updates of one bot: people side by side, one person's messages in the order they were sent."""

    def __init__(self, runtime: Runtime, bot: telegram.Bot, nudge_sender: Callable[[], None]) -> None:
        self.runtime = runtime
        self.bot = bot
        self._nudge_sender = nudge_sender
        self._turns: dict[int, tuple[asyncio.Lock, int]] = {}
        # Which updates this process replied to: Telegram may deliver one again, and nobody wants to read twice.
        self._replied: OrderedDict[int, None] = OrderedDict()

    async def take(self, update: telegram.Update) -> None:
        """Do what the update asks for and reply; never raises, whatever arrives."""
        try:
            await self._take(update)
        except Exception:
            log.exception("bot.update_failed", update=update.update_id)

    async def _take(self, update: telegram.Update) -> None:
        blocker = incoming.blocker(update)
        if blocker is not None:
            async with self.runtime.sessions.write() as session:
                await reaching.telegram_gone(session, blocker, now=self.runtime.now())
        what = incoming.read(update)
        if what is None:
            return
        async with self._one_at_a_time(what.telegram_id):
            reply = await self._decide(what)
            await replying.send(self.runtime, self.bot, what, reply)
            self._remember(what.update_id)
        self._nudge_sender()

    async def _decide(self, what: Incoming) -> Reply:
        """The reply to an update, with all it changed committed, or nothing changed and a sentence that says so."""
        templates = self.runtime.templates
        try:
            extra = await photos.fetch(self.runtime, self.bot, what)
            async with self.runtime.sessions.write() as session:
                turn = await self._open_turn(session, what)
                turn.extra.update(extra)
                if await dialogues.is_new_update(session, what.update_id, now=turn.now):
                    return await application.answer(turn)
                return await self._answer_repeated(turn)
        except InTouchError as error:
            return Reply(templates.telegram("help/sorry", sentence=str(error)))
        except Exception as error:
            return self._apology(what, error)

    def _apology(self, what: Incoming, error: Exception) -> Reply:
        if is_storage_failure(error):
            log.error("bot.storage_failed", update=what.update_id, error=type(error).__name__)
            return Reply(self.runtime.templates.telegram("help/not_saved"))
        number = secrets.token_hex(4)
        log.exception("bot.bug", number=number, update=what.update_id, exc_info=error)
        return Reply(self.runtime.templates.telegram("help/apology", number=number))

    async def _open_turn(self, session: AsyncSession, what: Incoming) -> Turn:
        return Turn(
            runtime=self.runtime,
            session=session,
            incoming=what,
            now=self.runtime.now(),
            resident=await session.scalar(sa.select(Resident).where(Resident.telegram_id == what.telegram_id)),
            officer=await people.officer_of(session, what.telegram_id),
            councillor=await people.councillor_of(session, what.telegram_id),
            dialogue=await dialogues.current(session, what.telegram_id),
        )

    async def _answer_repeated(self, turn: Turn) -> Reply:
        """An update whose effect is stored already: its reply may have been lost in a crash, so ask what is open again."""
        if turn.incoming.update_id in self._replied or turn.incoming.content is Content.TAP:
            return Reply()
        return await application.ask_again(turn) or Reply()

    def _remember(self, update_id: int) -> None:
        self._replied[update_id] = None
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
