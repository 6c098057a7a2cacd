"""Telegram: how one message leaves through the Bot API, and what its answer means."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import telegram
from telegram import error as errors
from telegram.request import RequestData

from intouch import logs
from intouch.channels import outcomes
from intouch.channels.aiohttp_request import AiohttpRequest, FloodWait, NotConnected, PlainData, bearable
from intouch.channels.calling import NotUnderstood, understood
from intouch.channels.doubt import Doubt
from intouch.channels.outcomes import Envelope, Heard, Outcome, Verdict
from intouch.channels.pacing import Pacer
from intouch.channels.window import Call
from intouch.settings import Settings
from intouch.templating import Button, TelegramMessage

log = logs.get("channels")

Markup = dict[str, Any]

# What is said of people whom this bot has never met, which may be everybody where it is another bot than theirs.
_STRANGERS = ("chat not found", "user not found", "peer_id_invalid", "can't initiate conversation")
# 400s that say that there is nobody at this address any more.
_GONE = (*_STRANGERS, "user is deactivated", "bot was kicked", "group chat was deactivated")

_UNANSWERED = (Verdict.NOT_TRIED, Verdict.UNKNOWN)


class CouncilBot(telegram.Bot):
    """A bot that never shows its token: not in its ``repr`` and not in the error for a token that is refused."""

    async def call(self, method: str, **parameters: Any) -> Any:
        """The Bot API's answer as it came, and the library's errors; parameters that are None stay away.

        The library's own methods make objects of each answer. Most answers are the message that was just written, which nobody
        reads, and these objects cost more than the call.
        """
        return await understood(self.request.post(f"{self.base_url}/{method}", cast("RequestData", PlainData(parameters))))

    @property
    def fastest(self) -> float:
        """Seconds that the fastest of all answers took, but for those to ``getUpdates``."""
        return cast("AiohttpRequest", self.request).fastest

    async def initialize(self) -> None:
        try:
            await super().initialize()
        except errors.InvalidToken:
            raise errors.InvalidToken("The bot's token was refused by the Bot API.") from None

    async def get_me(self, **_: Any) -> telegram.User:
        """Who the bot is. That it is one may be left unsaid by a Bot API that is not Telegram's, such as one for tests."""
        self._bot_user = telegram.User.de_json({"is_bot": True, **await self.call("getMe")}, self)
        return self._bot_user

    async def shutdown(self) -> None:
        await super().shutdown()
        for road in self._request:  # the library leaves them open when it was stopped before it was ready
            await road.shutdown()

    def __repr__(self) -> str:
        return "CouncilBot[token=***]"


def open_bot(settings: Settings, *, connections: int = 256) -> CouncilBot:
    """The bot of these settings on aiohttp; ``async with`` it, or call ``initialize()`` and ``shutdown()``.

    It has two pools, so that the long poll never waits for a connection that the bot's own messages hold.
    """
    return CouncilBot(
        settings.telegram_token.get_secret_value(),
        base_url=f"{settings.telegram_api_url}/bot",
        base_file_url=f"{settings.telegram_api_url}/file/bot",
        request=AiohttpRequest(connections=connections),
        get_updates_request=AiohttpRequest(connections=2),
    )


def to_markup(message: TelegramMessage) -> Markup | None:
    """The keyboard of a message in the Bot API's words."""
    if message.buttons:
        return {"inline_keyboard": [[_inline(button) for button in row] for row in message.buttons]}
    if message.location_label:
        button = {"text": message.location_label, "request_location": True}
        return {"keyboard": [[button]], "resize_keyboard": True, "one_time_keyboard": True}
    return {"remove_keyboard": True} if message.clears_keyboard else None


def _inline(button: Button) -> dict[str, str]:
    return {"text": button.label, "url": button.url} if button.url else {"text": button.label, "callback_data": button.data}


async def send_message(bot: CouncilBot, chat_id: int, message: TelegramMessage) -> Outcome:
    """Send one message; every answer of the Bot API, and none, becomes an outcome."""
    try:
        return outcomes.sent(await _send(bot, chat_id, message))
    except errors.ChatMigrated as moved:
        return await _send_moved(bot, moved.new_chat_id, message)
    except errors.TelegramError as error:
        return classify(error)


async def _send(bot: CouncilBot, chat_id: int, message: TelegramMessage) -> str:
    return str(await understood(_post(bot, chat_id, message)))


async def _post(bot: CouncilBot, chat_id: int, message: TelegramMessage) -> int:
    said = await bot.call("sendMessage", chat_id=chat_id, text=message.text, parse_mode="HTML", reply_markup=to_markup(message))
    return int(said["message_id"])


async def _send_moved(bot: CouncilBot, chat_id: int, message: TelegramMessage) -> Outcome:
    """A group became a supergroup under a new number: once more, there, and remember it."""
    try:
        return outcomes.sent(await _send(bot, chat_id, message), moved_to=str(chat_id))
    except errors.ChatMigrated:
        return outcomes.failed("the chat moved twice")
    except errors.TelegramError as error:
        return classify(error)


def classify(error: errors.TelegramError) -> Outcome:
    """What an error of the Bot API means for this message."""
    match error:
        case FloodWait():
            return outcomes.retry("429: too many requests", after=error.retry_after)
        case errors.RetryAfter():
            return outcomes.retry("429: too many requests", after=bearable(error._retry_after.total_seconds()))
        case errors.TimedOut():
            return outcomes.unknown(error.message)
        case NotConnected():
            return outcomes.not_tried(error.message, after=1)
        case errors.Forbidden():
            return outcomes.dead(_reason(error))
        case errors.BadRequest():
            return outcomes.dead(_reason(error)) if _says(error.message, _GONE) else outcomes.failed(_reason(error))
        case errors.InvalidToken():
            # 401 and 404: not this message but the whole bot is wrong; an operator has to act.
            return outcomes.not_tried("the Bot API refused the bot's token", after=60)
        case NotUnderstood():
            return outcomes.unknown(error.message)
        case errors.NetworkError():
            return outcomes.retry(_reason(error))
        case errors.Conflict():
            return outcomes.retry("409: another process speaks for this bot", after=5)
        case _:
            return outcomes.unknown("the Bot API's answer was not understood")


def _says(words: str, texts: Sequence[str]) -> bool:
    return any(text in words.lower() for text in texts)


def _reason(error: errors.TelegramError) -> str:
    """Telegram's own words, cut short: they name rules, not people."""
    return error.message.strip()[:200]


class TelegramChannel:
    """Sends messages through one bot, as fast as Telegram's limits allow and no faster."""

    def __init__(self, bot: CouncilBot, pacer: Pacer | None = None) -> None:
        self._bot = bot
        self._pacer = pacer or Pacer()
        self._doubt, self._has_warned = Doubt(), False
        self._is_halting = False
        self._waiting: set[asyncio.Task[Call]] = set()

    async def send_batch(self, envelopes: Sequence[Envelope], heard: Heard) -> None:
        """A task per envelope, so give it as many as may be under way."""
        async with asyncio.TaskGroup() as group:
            for envelope in envelopes:
                group.create_task(self._tell(envelope, heard))

    async def _tell(self, envelope: Envelope, heard: Heard) -> None:
        try:
            outcome = await self._send(envelope)
        except Exception as error:
            # A fault of ours must not take the others with it.
            log.error("telegram.fault", delivery=envelope.number, error=type(error).__name__, exc_info=True)
            outcome = outcomes.unknown(f"sending failed ({type(error).__name__})")
        heard(envelope.number, outcome)

    def halt(self) -> None:
        self._is_halting = True
        for task in self._waiting:
            task.cancel()

    async def close(self) -> None:
        """The bot belongs to whoever opened it."""

    async def _send(self, envelope: Envelope) -> Outcome:
        message = envelope.content
        if not isinstance(message, TelegramMessage):
            return outcomes.failed("only Telegram messages leave by Telegram")
        try:
            chat = int(envelope.address)
        except ValueError:
            return outcomes.failed("the chat's number is not a number")
        place = await self._turn(envelope)
        if place is None:
            return outcomes.not_tried("stopped before its turn")
        outcome = outcomes.not_tried("stopped before its turn")
        try:
            # All waiting lies before the mark: who dies between the mark and the call leaves a message of which nobody knows.
            if not self._is_halting and envelope.is_ours() and await envelope.begin():
                self._pacer.begin(place)
                outcome = await send_message(self._bot, chat, message)
        finally:
            self._pacer.end(place, is_answered=outcome.verdict not in _UNANSWERED)
        if outcome.verdict is Verdict.RETRY and outcome.after is not None:
            self._pacer.stop(envelope.rank, outcome.after)
        return self._weighed(outcome)

    def _weighed(self, outcome: Outcome) -> Outcome:
        """As it is, but where one after the other is a stranger to this bot, whose token may be wrong."""
        if outcome.verdict is Verdict.DEAD and not _says(outcome.error, _STRANGERS):
            return outcome  # who blocked this bot has met it
        weighed = self._doubt.weigh(outcome)
        if weighed is not outcome and not self._has_warned:
            self._has_warned = True
            log.warning("telegram.knows_nobody", advice="is INTOUCH_TELEGRAM_TOKEN that of the bot that people signed up with?")
        return weighed

    async def _turn(self, envelope: Envelope) -> Call | None:
        """Wait for this chat's turn and the place of its call; None when we are stopping."""
        if self._is_halting:
            return None
        turn = asyncio.ensure_future(self._pacer.turn(envelope.address, envelope.rank))
        self._waiting.add(turn)
        try:
            await asyncio.wait([turn])
        finally:
            self._waiting.discard(turn)
            if not turn.done():
                turn.cancel()
        return None if turn.cancelled() else turn.result()
