"""Sending: the methods that put messages into a chat, change them and take them away."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, UnidentifiedImageError

from intouch.demo.telegram import entities, markup
from intouch.demo.telegram.parameters import Parameters, Upload
from intouch.demo.telegram.refusals import Refused, bad_request
from intouch.demo.telegram.updates import Updates
from intouch.demo.telegram.world import Message, StoredFile, User, World

LONGEST_TEXT = 4096
LONGEST_CAPTION = 1024
LARGEST_PHOTO = 10 * 1024 * 1024
LARGEST_DOCUMENT = 50 * 1024 * 1024
_ACTIONS = {"typing", "upload_photo", "record_video", "upload_video", "upload_document", "choose_sticker", "find_location"}
_SAME = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)


async def send_message(world: World, updates: Updates, given: Parameters) -> Any:
    user = world.writable(given.get("chat_id"))
    return _sent(world, user, given, _text(given))


async def send_photo(world: World, updates: Updates, given: Parameters) -> Any:
    user = world.writable(given.get("chat_id"))
    stored = _stored(world, given.get("photo"), what="photo", largest=LARGEST_PHOTO)
    width, height = _picture_size(stored.contents)
    return _sent(world, user, given, {"photo": [{**world.file_json(stored), "width": width, "height": height}], **_caption(given)})


async def send_document(world: World, updates: Updates, given: Parameters) -> Any:
    user = world.writable(given.get("chat_id"))
    stored = _stored(world, given.get("document"), what="document", largest=LARGEST_DOCUMENT)
    document = {**world.file_json(stored), "file_name": stored.filename, "mime_type": stored.content_type}
    return _sent(world, user, given, {"document": document, **_caption(given)})


async def send_location(world: World, updates: Updates, given: Parameters) -> Any:
    user = world.writable(given.get("chat_id"))
    latitude, longitude = given.get("latitude"), given.get("longitude")
    if latitude is None or longitude is None or not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise bad_request("wrong latitude or longitude specified")
    return _sent(world, user, given, {"location": {"latitude": latitude, "longitude": longitude}})


async def send_chat_action(world: World, updates: Updates, given: Parameters) -> Any:
    if given.get("action") not in _ACTIONS:
        raise bad_request("wrong parameter action in request")
    world.writable(given.get("chat_id")).is_typing = True
    world.touch()
    return True


async def edit_message_text(world: World, updates: Updates, given: Parameters) -> Any:
    message = _editable(world, given)
    if "text" not in message.content:
        raise bad_request("there is no text in the message to edit")
    return _edited(world, message, content=_text(given), inline=markup.inline_only(given.get("reply_markup")))


async def edit_message_reply_markup(world: World, updates: Updates, given: Parameters) -> Any:
    message = _editable(world, given)
    return _edited(world, message, content=message.content, inline=markup.inline_only(given.get("reply_markup")))


async def delete_message(world: World, updates: Updates, given: Parameters) -> Any:
    user = world.chat(given.get("chat_id"))
    world.message(user, given.get("message_id"), missing=bad_request("message to delete not found")).is_deleted = True
    world.touch()
    return True


def _text(given: Parameters) -> dict[str, Any]:
    if not given.get("text"):
        raise bad_request("message text is empty")
    text, found = _formatted(given["text"], given.get("parse_mode"), given.get("entities"))
    if not text:
        raise bad_request("message text is empty")
    if entities.utf16_length(text) > LONGEST_TEXT:
        raise bad_request("message is too long")
    return {"text": text, "entities": found} if found else {"text": text}


def _caption(given: Parameters) -> dict[str, Any]:
    if not given.get("caption"):
        return {}
    text, found = _formatted(given["caption"], given.get("parse_mode"), given.get("caption_entities"))
    if entities.utf16_length(text) > LONGEST_CAPTION:
        raise bad_request("message caption is too long")
    return {"caption": text, "caption_entities": found} if found else {"caption": text}


def _formatted(source: str, parse_mode: str | None, explicit: list[Any] | None) -> tuple[str, list[entities.Entity]]:
    if parse_mode and parse_mode.lower() != "html":
        raise bad_request("unsupported parse_mode")
    text, found = entities.parse_html(source) if parse_mode else entities.trimmed(source, explicit or [])
    return text, entities.found_in(text, found)


def _sent(world: World, user: User, given: Parameters, content: dict[str, Any]) -> dict[str, Any]:
    reply_markup = given.get("reply_markup")
    inline = None
    if reply_markup and "inline_keyboard" in reply_markup:
        inline = markup.inline_only(reply_markup)
    elif reply_markup:
        user.keyboard = reply_markup if "keyboard" in reply_markup else None
    return world.message_json(world.add_message(user, is_from_bot=True, content=content, inline=inline))


def _editable(world: World, given: Parameters) -> Message:
    user = world.writable(given.get("chat_id"))
    if given.get("message_id") is None:
        raise bad_request("message identifier is not specified")
    message = world.message(user, given["message_id"], missing=bad_request("message to edit not found"))
    if not message.is_from_bot:
        raise bad_request("message can't be edited")
    return message


def _edited(world: World, message: Message, *, content: dict[str, Any], inline: markup.Markup | None) -> dict[str, Any]:
    if content == message.content and inline == message.inline:
        raise bad_request(_SAME)
    message.content, message.inline, message.edited_at = content, inline, world.clock()
    message.revision = world.touch()
    return world.message_json(message)


def _stored(world: World, value: Upload | str | None, *, what: str, largest: int) -> StoredFile:
    if not value:
        raise bad_request(f"there is no {what} in the request")
    if isinstance(value, str):
        known = world.files.get(value)
        if known is None:
            raise bad_request("wrong file identifier/HTTP URL specified")
        return known
    if len(value.contents) > largest:
        raise Refused(413, "Request Entity Too Large")
    if not value.contents:
        raise bad_request("file must be non-empty")
    return world.store(value.contents, filename=value.filename, content_type=value.content_type, folder=f"{what}s")


def _picture_size(contents: bytes) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(contents)) as picture:
            return picture.size
    except (UnidentifiedImageError, OSError, ValueError):
        raise bad_request("IMAGE_PROCESS_FAILED") from None
