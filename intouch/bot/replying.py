"""Replying: what goes straight back to the person whose message is in hand."""

from __future__ import annotations

import asyncio

import telegram

from intouch import logs
from intouch.bot.turn import Content, Incoming, Reply
from intouch.channels.outcomes import Verdict
from intouch.channels.telegram import classify, to_markup
from intouch.outbox import enqueue
from intouch.outbox.models import Lane, Road
from intouch.residents import reaching
from intouch.runtime import Runtime
from intouch.templating import TelegramMessage

log = logs.get("bot")

TOAST_LIMIT = 200


async def send(runtime: Runtime, bot: telegram.Bot, what: Incoming, reply: Reply, *, is_tap_answered: bool = False) -> None:
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


async def _send_one(runtime: Runtime, bot: telegram.Bot, what: Incoming, reply: Reply, number: int) -> None:
    if reply.document is not None:
        await _send_document(runtime, bot, what, reply)
    if reply.message is None:
        return
    try:
        await _send_message(bot, what, reply, reply.message)
    except telegram.error.Forbidden:
        raise
    except telegram.error.TelegramError as error:
        outcome = classify(error)
        log.warning("bot.reply_not_sent", update=what.update_id, verdict=outcome.verdict, error=outcome.error)
        if outcome.verdict in (Verdict.RETRY, Verdict.NOT_TRIED):
            await _send_later(runtime, what, reply.message, number)
        elif outcome.verdict is Verdict.FAILED:
            # Telegram will never take these words, which is our mistake; the person still needs a way on.
            await bot.send_message(what.telegram_id, runtime.templates.telegram("help/unsendable").text, parse_mode="HTML")
        # Else it may have arrived: a question asked twice confuses more than /help, which asks it again.


async def _send_message(bot: telegram.Bot, what: Incoming, reply: Reply, message: TelegramMessage) -> None:
    if reply.edits and what.message_id is not None:
        try:
            await bot.edit_message_text(
                message.text,
                chat_id=what.telegram_id,
                message_id=what.message_id,
                parse_mode="HTML",
                reply_markup=to_markup(message) if message.buttons else None,  # type: ignore[arg-type]
            )
        except telegram.error.BadRequest as error:
            if "not modified" in str(error).lower():
                return
            log.info("bot.could_not_edit", update=what.update_id)
        else:
            return
    await bot.send_message(what.telegram_id, message.text, parse_mode="HTML", reply_markup=to_markup(message))


async def _send_document(runtime: Runtime, bot: telegram.Bot, what: Incoming, reply: Reply) -> None:
    document = reply.document
    assert document is not None
    try:
        await bot.send_document(what.telegram_id, document.contents, filename=document.filename, caption=document.caption or None)
    except telegram.error.Forbidden:
        raise
    except telegram.error.TelegramError as error:
        log.warning("bot.document_failed", update=what.update_id, error=type(error).__name__)
        await _send_later(runtime, what, runtime.templates.telegram("help/document_failed"), number=99)


async def _send_later(runtime: Runtime, what: Incoming, message: TelegramMessage, number: int) -> None:
    now = runtime.now()
    draft = enqueue.Draft(
        key=f"reply:{what.update_id}:{number}",
        kind="message",
        road=Road.TELEGRAM,
        lane=Lane.REPLY,
        address=str(what.telegram_id),
        payload=message.to_json(),
        due_at=now,
    )
    async with runtime.sessions.write() as session:
        await enqueue.enqueue(session, draft)


async def _stop_waiting(bot: telegram.Bot, what: Incoming, said: str) -> None:
    """Answer the tap, so that the button stops turning; a tap too old for that needs no answer."""
    try:
        await bot.answer_callback_query(what.tap_id, text=said[:TOAST_LIMIT] or None)
    except telegram.error.TelegramError as error:
        log.info("bot.tap_not_answered", update=what.update_id, error=type(error).__name__)
