"""Chats: what the demo's phone shows, as JSON, and what its owner does with it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from intouch.demo import cast, city
from intouch.demo.stage import Stage
from intouch.demo.telegram import sending
from intouch.demo.telegram.person import Person
from intouch.demo.telegram.world import Message, World

STATIC = Path(__file__).parent / "static"
ANSWER_PATIENCE = 10.0
_SHOWN = 120  # messages; a phone shows the last ones too


def stage_of(request: Request) -> Stage:
    stage: Stage = request.app.state.stage
    return stage


def person_of(request: Request) -> Person:
    """The member of the cast that the address names."""
    member = cast.member(request.path_params["key"])
    if member is None or not member.telegram_id:
        raise HTTPException(404)
    return stage_of(request).telegram.person(member.telegram_id, member.name)


async def show(request: Request) -> Response:
    """The chat of one of the cast."""
    person, world = person_of(request), stage_of(request).telegram.world
    return JSONResponse(
        {
            "messages": [message_json(world, message) for message in person.user.messages[-_SHOWN:] if not message.is_deleted],
            "keyboard": _keyboard(person),
            "commands": commands(world, person.id),
            "has_started": person.user.has_started,
            "has_blocked": person.user.has_blocked,
            "description": world.descriptions.get("description", ""),
        }
    )


def commands(world: World, chat_id: int) -> list[dict[str, str]]:
    """The command menu of this chat: its own if it has one, else everybody's."""
    for scope in (f"chat:{chat_id}:", "all_private_chats::", "default::"):
        if world.commands.get(scope):
            return world.commands[scope]
    return []


def message_json(world: World, message: Message) -> dict[str, Any]:
    """A message as the page draws it: text and entities, never HTML."""
    content = message.content
    entities = content.get("entities") or content.get("caption_entities") or []
    shown: dict[str, Any] = {
        "id": message.message_id,
        "revision": message.revision,
        "is_from_bot": message.is_from_bot,
        "sent_at": message.sent_at.isoformat(),
        "is_edited": message.edited_at is not None,
        "text": message.text,
        "entities": entities,
        "rows": [[_button(button) for button in row] for row in (message.inline or {}).get("inline_keyboard", [])],
        "place": _place(content["location"]) if "location" in content else "",
    }
    if photo := content.get("photo"):
        shown["photo"] = {"url": f"/demo/files/{photo[-1]['file_id']}", "width": photo[-1]["width"], "height": photo[-1]["height"]}
    if document := content.get("document"):
        size = document["file_size"]
        shown["document"] = {"url": f"/demo/files/{document['file_id']}", "name": document["file_name"], "size": size}
    shown["other"] = next((kind for kind in ("sticker", "voice", "contact", "poll", "dice") if kind in content), "")
    return shown


def _place(location: dict[str, float]) -> str:
    tile = city.tile_at(location["longitude"], location["latitude"])
    return tile.name if tile else f"{location['latitude']:.4f}, {location['longitude']:.4f}"


def _button(button: dict[str, Any]) -> dict[str, str]:
    return {"label": button["text"], "url": button.get("url", "")}


def _keyboard(person: Person) -> list[list[dict[str, Any]]]:
    rows = (person.user.keyboard or {}).get("keyboard", [])
    buttons = [[{"text": button} if isinstance(button, str) else button for button in row] for row in rows]
    return [[{"label": button["text"], "asks_location": bool(button.get("request_location"))} for button in row] for row in buttons]


async def send(request: Request) -> Response:
    """Type something, or send something that is neither text nor photo nor place."""
    person, body = person_of(request), await request.json()
    if body.get("kind") in ("sticker", "voice", "contact", "poll"):
        await person.sends_something(body["kind"])
    elif text := str(body.get("text", "")).strip():
        await person.sends(text[: sending.LONGEST_TEXT])
    return JSONResponse({})


async def tap(request: Request) -> Response:
    """Tap a button under a message; gives the note that the bot shows over the chat, if any."""
    person, body = person_of(request), await request.json()
    message = next((one for one in person.messages if one.message_id == body.get("message_id")), None)
    button = next((one for one in message.inline_buttons() if one["text"] == body.get("label")), None) if message else None
    if message is None or button is None or "callback_data" not in button:
        return JSONResponse({"note": "That button is gone."})
    started = person.starts_tap(button["callback_data"], message=message)
    world = stage_of(request).telegram.world
    try:
        await world.wait_until(lambda: started.answer is not None, timeout=ANSWER_PATIENCE)
    except TimeoutError:
        return JSONResponse({"note": "The bot has not answered yet."})
    return JSONResponse({"note": (started.answer or {}).get("text", "")})


async def share_location(request: Request) -> Response:
    person, body = person_of(request), await request.json()
    await person.shares_location(float(body["longitude"]), float(body["latitude"]))
    return JSONResponse({})


async def send_photo(request: Request) -> Response:
    """Send the photo in the request's body, or a sample when it is empty. As Telegram's apps do, photos go as JPEG."""
    person = person_of(request)
    contents = bytearray()
    async for piece in request.stream():
        contents += piece
        if len(contents) > sending.LARGEST_PHOTO:
            return JSONResponse({"note": "That photo is too large. Telegram takes photos of up to 10 MB."}, status_code=413)
    photo = bytes(contents) or stage_of(request).next_sample()
    try:
        with Image.open(io.BytesIO(photo)) as picture:
            width, height = picture.size
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        width, height = 640, 480  # whatever it is: to find out is the bot's business
    await person.sends_photo(photo, width=width, height=height)
    return JSONResponse({})


async def block(request: Request) -> Response:
    """Block the bot, or take that back."""
    person, body = person_of(request), await request.json()
    if body.get("is_blocked"):
        person.blocks_bot()
    else:
        person.unblocks_bot()
    return JSONResponse({})


async def file(request: Request) -> Response:
    """A photo or a file of the chat; nothing in it can act on the page."""
    stored = stage_of(request).telegram.world.files.get(request.path_params["file_id"])
    if stored is None:
        raise HTTPException(404)
    is_picture = stored.content_type in ("image/jpeg", "image/png", "image/webp")
    name = "".join(letter for letter in stored.filename if letter.isalnum() or letter in "-_. ") or "file"
    headers = {"Content-Security-Policy": "default-src 'none'; sandbox"}
    if not is_picture:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return Response(stored.contents, media_type=stored.content_type if is_picture else "application/octet-stream", headers=headers)
