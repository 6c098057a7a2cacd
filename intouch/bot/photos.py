"""Photos: fetched and cleaned before the transaction begins, because both take their time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import telegram

from intouch import logs
from intouch.bot.turn import Content, Incoming
from intouch.channels.calling import NotUnderstood, understood
from intouch.channels.pacing import REPLY, Pacer
from intouch.channels.telegram import CouncilBot
from intouch.errors import BadInput, InTouchError
from intouch.issues import darkroom, photos
from intouch.residents import dialogues
from intouch.residents.models import DialogueKind
from intouch.runtime import Runtime

log = logs.get("bot")

# What the Bot API lets a bot download.
_LARGEST_DOWNLOAD = 20_000_000


async def fetch(runtime: Runtime, bot: CouncilBot, pacer: Pacer, what: Incoming) -> dict[str, Any]:
    """``clean_photo`` or ``photo_error`` for a photo that a report is waiting for; nothing for anything else."""
    if what.content is not Content.PHOTO or not await _is_writing_a_report(runtime, what.telegram_id):
        return {}
    try:
        if what.file_size > _LARGEST_DOWNLOAD:
            raise BadInput("That photo is too large. Please send it as a photo instead of a file, or send a smaller one.")
        raw = await _download(bot, what.file_id)
        if not await asyncio.to_thread(photos.is_quick, raw):
            await _ask_for_a_moment(runtime, bot, pacer, what)
        return {"clean_photo": await darkroom.clean(raw)}
    except InTouchError as error:
        return {"photo_error": error}
    except telegram.error.TelegramError as error:
        log.warning("bot.photo_not_fetched", update=what.update_id, error=type(error).__name__)
        return {"photo_error": BadInput("The photo didn't come through. Please send it again, or skip it.")}


async def _ask_for_a_moment(runtime: Runtime, bot: CouncilBot, pacer: Pacer, what: Incoming) -> None:
    """Nobody should wonder whether a large picture has come; that we say so matters less than the picture itself."""
    words = runtime.templates.telegram("reports/large_photo").text
    await pacer.turn(str(what.telegram_id), REPLY)
    with contextlib.suppress(telegram.error.TelegramError):
        await bot.call("sendMessage", chat_id=what.telegram_id, text=words, parse_mode="HTML")


async def _download(bot: telegram.Bot, file_id: str) -> bytes:
    file = await understood(bot.get_file(file_id))
    if not file.file_path:
        raise NotUnderstood("the Bot API does not say where the file is")
    try:
        return bytes(await understood(file.download_as_bytearray()))
    except OSError as error:  # a Bot API on this machine names its own file, which may be closed to us
        raise NotUnderstood(f"the Bot API's file could not be read ({type(error).__name__})") from None


async def _is_writing_a_report(runtime: Runtime, telegram_id: int) -> bool:
    async with runtime.sessions.read() as session:
        dialogue = await dialogues.current(session, telegram_id)
        return dialogue is not None and dialogue.kind is DialogueKind.REPORT
