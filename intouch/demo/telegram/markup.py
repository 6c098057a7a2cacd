"""Markup: keyboards checked field by field, so that a misspelt one never passes in silence."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from intouch.demo.telegram.refusals import bad_request

Markup = dict[str, Any]

_INLINE_BUTTON = {"text", "url", "callback_data", "web_app", "login_url", "switch_inline_query", "copy_text", "pay", "style"}
_REPLY_BUTTON = {"text", "request_contact", "request_location", "request_poll", "request_users", "request_chat", "web_app", "style"}
_REPLY_KEYBOARD = {"keyboard", "is_persistent", "resize_keyboard", "one_time_keyboard", "input_field_placeholder", "selective"}
_KINDS = {
    "inline_keyboard": {"inline_keyboard"},
    "keyboard": _REPLY_KEYBOARD,
    "remove_keyboard": {"remove_keyboard", "selective"},
    "force_reply": {"force_reply", "input_field_placeholder", "selective"},
}


def known_fields(value: Any, allowed: set[str], what: str) -> dict[str, Any]:
    """``value`` when it is an object without unknown fields; the refusal names the first unknown one."""
    if not isinstance(value, dict):
        raise bad_request(f"can't parse {what}: expected an Object")
    unknown = sorted(set(value) - allowed)
    if unknown:
        raise bad_request(f'can\'t parse {what}: unknown field "{unknown[0]}"')
    return value


def check(markup: Any) -> Markup | None:
    """The reply markup when it is right; raises what Telegram answers when it isn't."""
    if markup in (None, {}):
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    kind = next((name for name in _KINDS if name in markup), None)
    if kind is None:
        raise bad_request(f'can\'t parse reply markup: unknown field "{sorted(markup)[0]}"')
    known_fields(markup, _KINDS[kind], "reply markup")
    if kind in ("inline_keyboard", "keyboard"):
        _check_rows(markup[kind], is_inline=kind == "inline_keyboard")
    return markup


def inline_only(markup: Markup | None) -> Markup | None:
    """The markup of an edited message: an inline keyboard or none; an empty one is none."""
    if markup is None:
        return None
    if "inline_keyboard" not in markup:
        raise bad_request("inline keyboard expected")
    return markup if any(markup["inline_keyboard"]) else None


def labels(markup: Markup | None) -> list[str]:
    """The labels of all buttons, row by row."""
    rows = (markup or {}).get("inline_keyboard") or (markup or {}).get("keyboard") or []
    return [button if isinstance(button, str) else button["text"] for row in rows for button in row]


def _check_rows(rows: Any, *, is_inline: bool) -> None:
    what = "inline keyboard button" if is_inline else "keyboard button"
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request(f"can't parse {what}: expected an Array of Array of buttons")
    for button in (button for row in rows for button in row):
        if is_inline:
            _check_inline(button, what)
        elif isinstance(button, dict):
            known_fields(button, _REPLY_BUTTON, what)
            _check_label(button.get("text"), what)
        else:
            _check_label(button, what)


def _check_label(label: Any, what: str) -> None:
    if not isinstance(label, str) or not label.strip():
        raise bad_request(f'can\'t parse {what}: Field "text" must be a non-empty String')


def _check_inline(button: Any, what: str) -> None:
    known_fields(button, _INLINE_BUTTON, what)
    _check_label(button.get("text"), what)
    actions = set(button) - {"text", "style"}
    if len(actions) != 1:
        raise bad_request(f"can't parse {what}: Text buttons are unallowed in the inline keyboard")
    data = button.get("callback_data")
    if data is not None and (not isinstance(data, str) or not 1 <= len(data.encode()) <= 64):
        raise bad_request("BUTTON_DATA_INVALID")
    url = button.get("url")
    # The real Bot API also refuses web addresses of this machine; the demo's pages live there.
    if url is not None and (not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https", "tg") or not urlsplit(url).netloc):
        raise bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
