"""Incoming: what arrived from Telegram, read once into our own words."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any, TypeGuard

import telegram

from intouch import legible, logs
from intouch.bot.turn import Content, Incoming

log = logs.get("bot")

_INVISIBLE = ("Cc", "Cf", "Cs", "Co")

ALLOWED_UPDATES = ["message", "callback_query", "my_chat_member"]
# Of a message. What rides beside these, such as what is quoted in it, may be of a kind that the library cannot read yet.
_HEEDED = ("message_id", "date", "chat", "from", "text", "caption", "location", "photo", "document")


def is_update(body: Any) -> TypeGuard[dict[str, Any]]:
    """Whether this is the body of an update at all, of whatever kind."""
    return isinstance(body, dict) and isinstance(body.get("update_id"), int)


@dataclass(frozen=True)
class Arrived:
    """What is in an update: what a person did, or the Telegram id of whoever has just blocked the bot; or nothing for us."""

    incoming: Incoming | None = None
    blocker: int | None = None


def read(body: dict[str, Any]) -> Arrived:
    """The update in our own words; nothing, told in the log, when the library can't read it: nobody else's must wait behind it."""
    tap = _plain_tap(body)
    if tap is not None:
        return Arrived(tap)
    try:
        update = telegram.Update.de_json(_heeded(body), None)
        return Arrived(_incoming(update), _blocker(update))
    except Exception as error:  # of a kind that the library does not know yet, or no longer
        log.error("bot.update_not_understood", update=body["update_id"], error=type(error).__name__)
        return Arrived()


def _heeded(body: dict[str, Any]) -> dict[str, Any]:
    message = body.get("message")
    if not isinstance(message, dict):
        return body
    return {**body, "message": {name: message[name] for name in _HEEDED if name in message}}


def _plain_tap(body: dict[str, Any]) -> Incoming | None:
    """A tap in a private chat, read without the library: taps come by the thousand, and it makes objects of the whole message around."""
    match body:
        case {
            "update_id": int(update_id),
            "callback_query": {
                "id": str(tap_id),
                "from": {"id": int(person), "is_bot": False, "first_name": str(first_name)} as sender,
                "message": {"chat": {"id": int(_), "type": "private"}} as under,
                "data": str(data),
            },
        }:
            return Incoming(
                update_id=update_id,
                telegram_id=person,
                first_name=plain_name(first_name),
                language=str(sender.get("language_code") or "en"),
                content=Content.TAP,
                data=tuple(data.split(":")),
                tap_id=tap_id,
                message_id=under.get("message_id"),
            )
    return None


def _incoming(update: telegram.Update) -> Incoming | None:
    """``None`` for what the bot leaves alone: groups, channels and other bots."""
    person = update.effective_user
    chat = update.effective_chat
    if person is None or person.is_bot or chat is None or chat.type != telegram.constants.ChatType.PRIVATE:
        return None
    if update.callback_query is not None:
        return _tap(update.update_id, person, update.callback_query)
    if update.message is not None:
        return _message(update.update_id, person, update.message)
    return None


def _blocker(update: telegram.Update) -> int | None:
    change = update.my_chat_member
    if change is None or change.chat.type != telegram.constants.ChatType.PRIVATE:
        return None
    return change.from_user.id if change.new_chat_member.status == telegram.constants.ChatMemberStatus.BANNED else None


def plain_name(name: str) -> str:
    """A first name on one line, without the invisible characters that turn a sentence round or break it."""
    if name.isascii() and name.isprintable():
        return " ".join(name.split())
    kept = (character for character in name if unicodedata.category(character) not in _INVISIBLE or character in legible.JOINERS)
    return " ".join("".join(kept).split())


def _tap(update_id: int, person: telegram.User, query: telegram.CallbackQuery) -> Incoming:
    return Incoming(
        update_id=update_id,
        telegram_id=person.id,
        first_name=plain_name(person.first_name),
        language=person.language_code or "en",
        content=Content.TAP,
        data=tuple((query.data or "").split(":")),
        tap_id=query.id,
        message_id=query.message.message_id if query.message else None,
    )


def _message(update_id: int, person: telegram.User, message: telegram.Message) -> Incoming:
    text = message.text or message.caption or ""
    content, command, rest = _content(message, text)
    file_id, file_size = _photo(message)
    return Incoming(
        update_id=update_id,
        telegram_id=person.id,
        first_name=plain_name(person.first_name),
        language=person.language_code or "en",
        content=content,
        text=rest,
        command=command,
        message_id=message.message_id,
        sent_at=int(message.date.timestamp()),
        longitude=message.location.longitude if message.location else None,
        latitude=message.location.latitude if message.location else None,
        file_id=file_id,
        file_size=file_size,
    )


def _content(message: telegram.Message, text: str) -> tuple[Content, str, str]:
    """What kind of message it is, its command, and its text without the command."""
    if message.location:
        return Content.LOCATION, "", text
    if _photo(message)[0]:
        return Content.PHOTO, "", text
    if message.text is None:
        return Content.OTHER, "", text
    if text.startswith("/"):
        head, *rest = text.split(maxsplit=1)
        return Content.COMMAND, head[1:].partition("@")[0].lower(), "".join(rest).strip()
    return Content.TEXT, "", text


def _photo(message: telegram.Message) -> tuple[str, int]:
    """File id and size (bytes) of the largest version of a photo, also of one that was sent as a file."""
    if message.photo:
        largest = message.photo[-1]
        return largest.file_id, largest.file_size or 0
    if message.document and (message.document.mime_type or "").startswith("image/"):
        return message.document.file_id, message.document.file_size or 0
    return "", 0
