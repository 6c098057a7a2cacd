"""Parameters: what each method of the Bot API takes, read from a query, a form, JSON or multipart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from intouch.demo.telegram import markup
from intouch.demo.telegram.refusals import bad_request


@dataclass(frozen=True)
class Upload:
    """A file that came with the request."""

    filename: str
    content_type: str
    contents: bytes


Parameters = dict[str, Any]

_WHERE = {"business_connection_id": str, "chat_id": str, "message_thread_id": int, "direct_messages_topic_id": int}
_HOW = {
    "disable_notification": bool,
    "protect_content": bool,
    "allow_paid_broadcast": bool,
    "message_effect_id": str,
    "suggested_post_parameters": dict,
    "reply_parameters": dict,
    "reply_markup": dict,
}
_SENDING = {**_WHERE, **_HOW}
_CAPTION = {"caption": str, "parse_mode": str, "caption_entities": list}
_TEXT = {"text": str, "parse_mode": str, "entities": list, "link_preview_options": dict}
_EDITING = {"business_connection_id": str, "chat_id": str, "message_id": int, "inline_message_id": str, "reply_markup": dict}
_PLACE = {
    "latitude": float,
    "longitude": float,
    "horizontal_accuracy": float,
    "live_period": int,
    "heading": int,
    "proximity_alert_radius": int,
}
_PHOTO = {"photo": Upload, "show_caption_above_media": bool, "has_spoiler": bool}
_WEBHOOK = {"ip_address": str, "max_connections": int, "allowed_updates": list, "drop_pending_updates": bool, "secret_token": str}

TAKES: dict[str, dict[str, type]] = {
    "getMe": {},
    "getUpdates": {"offset": int, "limit": int, "timeout": int, "allowed_updates": list},
    "setWebhook": {"url": str, "certificate": Upload, **_WEBHOOK},
    "deleteWebhook": {"drop_pending_updates": bool},
    "getWebhookInfo": {},
    "setMyCommands": {"commands": list, "scope": dict, "language_code": str},
    "getMyCommands": {"scope": dict, "language_code": str},
    "deleteMyCommands": {"scope": dict, "language_code": str},
    "setMyDescription": {"description": str, "language_code": str},
    "setMyShortDescription": {"short_description": str, "language_code": str},
    "setMyName": {"name": str, "language_code": str},
    "getChat": {"chat_id": str},
    "getFile": {"file_id": str},
    "sendMessage": {**_SENDING, **_TEXT},
    "sendPhoto": {**_SENDING, **_CAPTION, **_PHOTO},
    "sendDocument": {**_SENDING, **_CAPTION, "document": Upload, "thumbnail": Upload, "disable_content_type_detection": bool},
    "sendLocation": {**_SENDING, **_PLACE},
    "sendChatAction": {"business_connection_id": str, "chat_id": str, "message_thread_id": int, "action": str},
    "editMessageText": {**_EDITING, **_TEXT},
    "editMessageReplyMarkup": dict(_EDITING),
    "deleteMessage": {"chat_id": str, "message_id": int},
    "answerCallbackQuery": {"callback_query_id": str, "text": str, "show_alert": bool, "url": str, "cache_time": int},
}
_INSIDE = {
    "link_preview_options": {"is_disabled", "url", "prefer_small_media", "prefer_large_media", "show_above_text"},
    "scope": {"type", "chat_id", "user_id"},
    "reply_parameters": {
        "message_id",
        "chat_id",
        "allow_sending_without_reply",
        "quote",
        "quote_parse_mode",
        "quote_entities",
        "quote_position",
        "checklist_task_id",
    },
}


async def read(request: Request, method: str) -> Parameters:
    """The parameters of a call, each of its type; raises for one that the method doesn't know or that can't be read."""
    given: dict[str, Any] = {**request.query_params, **await _body(request)}
    takes = TAKES[method]
    values: Parameters = {}
    for name, value in given.items():
        attached = name not in takes and isinstance(value, Upload)
        if name not in takes and not attached:
            raise bad_request(f'unknown parameter "{name}" of {method}')
        if value is not None and value != "":
            values[name] = value if attached else _typed(name, value, takes[name])
    return _with_attached(values, takes)


async def _body(request: Request) -> Mapping[str, Any]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            body = json.loads(await request.body() or b"{}")
        except ValueError:
            raise bad_request("can't parse JSON object") from None
        if not isinstance(body, dict):
            raise bad_request("can't parse JSON object")
        return body
    if kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        async with request.form(max_part_size=20 * 1024 * 1024) as form:
            return {name: await _uploaded(value) for name, value in form.items()}
    return {}


async def _uploaded(value: UploadFile | str) -> Upload | str:
    if isinstance(value, str):
        return value
    return Upload(value.filename or "file", value.content_type or "application/octet-stream", await value.read())


def _typed(name: str, value: Any, kind: type) -> Any:
    if kind in (dict, list):
        return _object(name, value, kind)
    if kind is Upload:
        return value if isinstance(value, Upload) else str(value)
    if kind is bool:
        return str(value).lower() in ("true", "1", "yes")
    try:
        return kind(value)
    except (TypeError, ValueError):
        raise bad_request(f'invalid value of parameter "{name}" specified') from None


def _object(name: str, value: Any, kind: type) -> Any:
    try:
        decoded = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise bad_request(f"can't parse {name} JSON object") from None
    if name == "reply_markup":
        return markup.check(decoded)
    if not isinstance(decoded, kind):
        raise bad_request(f"can't parse {name}: expected an {'Object' if kind is dict else 'Array'}")
    if name in _INSIDE:
        markup.known_fields(decoded, _INSIDE[name], name)
    return decoded


def _with_attached(values: Parameters, takes: Mapping[str, type]) -> Parameters:
    """``attach://name`` replaced by the file of that name; a file that nothing asked for is refused."""
    resolved = {name: value for name, value in values.items() if name in takes}
    spare = {name: value for name, value in values.items() if name not in takes}
    for name, value in resolved.items():
        if isinstance(value, str) and value.startswith("attach://"):
            wanted = value.removeprefix("attach://")
            if wanted not in spare:
                raise bad_request("wrong file identifier/HTTP URL specified")
            resolved[name] = spare.pop(wanted)
    if spare:
        raise bad_request(f'unknown parameter "{sorted(spare)[0]}"')
    return resolved
