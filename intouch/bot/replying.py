"""Replying: what goes straight back to the person whose message is in hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import telegram

from intouch import logs
from intouch.bot.turn import Content, Incoming, Reply
from intouch.channels import outcomes
from intouch.channels.calling import NotUnderstood, understood
from intouch.channels.outcomes import Verdict
from intouch.channels.telegram import CouncilBot, classify, to_markup
from intouch.outbox import enqueue
from intouch.outbox.models import Lane, Road
from intouch.residents import reaching
from intouch.runtime import Runtime
from intouch.templating import TelegramMessage

log = logs.get("bot")

TOAST_LIMIT = 200
# A button that goes on turning is a small thing; a person's next message that waits for it is not.
TAP_WITHIN = 3.0  # seconds
# Before its answer is said again, which does no harm.
TAP_PAUSES = (0.1, 0.5)  # seconds


async def send(runtime: Runtime, bot: CouncilBot, what: Incoming, reply: Reply, *, is_tap_answered: bool = False) -> None:
    """Send the reply and all that follows it; what certainly did not arrive goes to the outbox."""
    is_turning = what.content is Content.TAP and not is_tap_answered
    stop_waiting = asyncio.create_task(_stop_waiting(bot, what, reply.toast)) if is_turning else None
    try:
        for number, one in enumerate((reply, *reply.more)):
            await _send_one(runtime, bot, what, one, number)
    except telegram.error.Forbidden:
        async with runtime.sessions.write() as session:
            await reaching.telegram_gone(session, what.telegram_id, now=runtime.now())
    finally:
        if stop_waiting is not None:
            await stop_waiting


def toast(said: str) -> dict[str, str]:
    """The parameter of ``answerCallbackQuery`` that shows a short note, if there is one."""
    return {"text": said[:TOAST_LIMIT]} if said else {}


async def _send_one(runtime: Runtime, bot: CouncilBot, what: Incoming, reply: Reply, number: int) -> None:
    if reply.document is not None:
        await _send_document(runtime, bot, what, reply)
    if reply.message is None or await _say(runtime, bot, what, reply, number) is not Verdict.FAILED:
        return
    # Telegram will never take these words, which is our mistake; the person still needs a way on.
    instead = Reply(runtime.templates.telegram("help/unsendable"))
    if await _say(runtime, bot, what, instead, number) is Verdict.FAILED:
        log.error("bot.reply_given_up", update=what.update_id)


async def _say(runtime: Runtime, bot: CouncilBot, what: Incoming, reply: Reply, number: int) -> Verdict:
    """Send the message now or, when it certainly did not arrive, soon."""
    assert reply.message is not None
    try:
        await _send_message(bot, what, reply, reply.message)
    except telegram.error.Forbidden:
        raise
    except telegram.error.TelegramError as error:
        # A proxy's page instead of an answer: a reply that comes twice is better than none.
        outcome = outcomes.retry(error.message) if isinstance(error, NotUnderstood) else classify(error)
        log.warning("bot.reply_not_sent", update=what.update_id, verdict=outcome.verdict, error=outcome.error)
        if outcome.verdict in (Verdict.RETRY, Verdict.NOT_TRIED):
            await _send_later(runtime, what, reply.message, number, after=outcome.after or 0.0)
        # Else it may have arrived: a question asked twice confuses more than /help, which asks it again.
        return outcome.verdict
    return Verdict.SENT


async def _send_message(bot: CouncilBot, what: Incoming, reply: Reply, message: TelegramMessage) -> None:
    if reply.edits and what.message_id is not None and await _edit(bot, what, message, message_id=what.message_id):
        return
    await bot.call("sendMessage", chat_id=what.telegram_id, text=message.text, parse_mode="HTML", reply_markup=to_markup(message))


async def _edit(bot: CouncilBot, what: Incoming, message: TelegramMessage, *, message_id: int) -> bool:
    """Whether the message now stands where the tapped one stood."""
    change = partial(
        bot.call,
        "editMessageText",
        chat_id=what.telegram_id,
        message_id=message_id,
        text=message.text,
        parse_mode="HTML",
        reply_markup=to_markup(message) if message.buttons else None,
    )
    try:
        await _made_sure(change)
    except telegram.error.BadRequest as error:
        if "not modified" in str(error).lower():
            return True
        log.info("bot.could_not_edit", update=what.update_id)
        return False
    return True


async def _made_sure(change: Callable[[], Awaitable[object]]) -> None:
    """An edit that may have arrived is made once more: unlike a message, nobody can read it twice."""
    try:
        await change()
    except (telegram.error.TimedOut, NotUnderstood) as error:
        try:
            async with asyncio.timeout(TAP_WITHIN):
                await change()
        except TimeoutError:
            raise error from None


async def _send_document(runtime: Runtime, bot: CouncilBot, what: Incoming, reply: Reply) -> None:
    document = reply.document
    assert document is not None
    try:
        sending = bot.send_document(what.telegram_id, document.contents, filename=document.filename, caption=document.caption or None)
        await understood(sending)
    except telegram.error.Forbidden:
        raise
    except telegram.error.TelegramError as error:
        log.warning("bot.document_failed", update=what.update_id, error=type(error).__name__)
        await _send_later(runtime, what, runtime.templates.telegram("help/document_failed"), number=99)


async def _send_later(runtime: Runtime, what: Incoming, message: TelegramMessage, number: int, *, after: float = 0.0) -> None:
    """By the outbox, and not before the seconds have passed that the Bot API asked us to wait."""
    draft = enqueue.Draft(
        key=f"reply:{what.key}:{number}",
        kind="message",
        road=Road.TELEGRAM,
        lane=Lane.REPLY,
        address=str(what.telegram_id),
        payload=message.to_json(),
        due_at=runtime.now() + timedelta(seconds=after),
    )
    async with runtime.sessions.write() as session:
        await enqueue.enqueue(session, draft)


async def _stop_waiting(bot: CouncilBot, what: Incoming, said: str) -> None:
    """Answer the tap, so that the button stops turning; a tap too old for that needs no answer."""
    answer = partial(bot.call, "answerCallbackQuery", callback_query_id=what.tap_id, **toast(said))
    try:
        async with asyncio.timeout(TAP_WITHIN):
            for pause in TAP_PAUSES:
                try:
                    await answer()
                    return
                except telegram.error.TelegramError as error:
                    await asyncio.sleep(max(pause, _wait_asked(error)))
            await answer()
    except (telegram.error.TelegramError, TimeoutError) as error:
        log.info("bot.tap_not_answered", update=what.update_id, error=type(error).__name__)


def _wait_asked(error: telegram.error.TelegramError) -> float:
    """Seconds before a tap may be answered again; raises ``error`` where that would not help, or comes too late."""
    outcome = classify(error)
    wait = outcome.after or 0.0
    if outcome.verdict in (Verdict.FAILED, Verdict.DEAD) or wait > TAP_WITHIN:
        raise error
    return wait
