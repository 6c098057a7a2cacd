"""Methods: what the bot asks of Telegram, apart from messages: itself, its updates, its commands, chats and files."""

from __future__ import annotations

import re
from typing import Any

from intouch.demo.telegram.markup import known_fields
from intouch.demo.telegram.parameters import Parameters
from intouch.demo.telegram.refusals import bad_request
from intouch.demo.telegram.updates import Updates
from intouch.demo.telegram.world import DOWNLOAD_LIMIT, World

_COMMAND = re.compile(r"^[a-z0-9_]{1,32}$")
_OLD_TAP = "query is too old and response timeout expired or query ID is invalid"


async def get_me(world: World, updates: Updates, given: Parameters) -> Any:
    return world.bot


async def get_updates(world: World, updates: Updates, given: Parameters) -> Any:
    return await updates.poll(
        offset=given.get("offset", 0), limit=given.get("limit", 100), timeout=given.get("timeout", 0), allowed=given.get("allowed_updates")
    )


async def set_webhook(world: World, updates: Updates, given: Parameters) -> Any:
    updates.set_webhook(
        given.get("url", ""),
        secret=given.get("secret_token", ""),
        allowed=given.get("allowed_updates"),
        drop=given.get("drop_pending_updates", False),
    )
    return True


async def delete_webhook(world: World, updates: Updates, given: Parameters) -> Any:
    updates.set_webhook("", secret="", allowed=None, drop=given.get("drop_pending_updates", False))
    return True


async def get_webhook_info(world: World, updates: Updates, given: Parameters) -> Any:
    return updates.webhook_info()


def _scope(given: Parameters) -> str:
    """Commands are kept per scope and language, one chat's apart from everybody's."""
    scope = given.get("scope") or {"type": "default"}
    return f"{scope.get('type', 'default')}:{scope.get('chat_id', '')}:{given.get('language_code', '')}"


async def set_my_commands(world: World, updates: Updates, given: Parameters) -> Any:
    commands = given.get("commands")
    if commands is None or len(commands) > 100:
        raise bad_request("can't parse commands: expected an Array of at most 100 BotCommand")
    for command in commands:
        known_fields(command, {"command", "description"}, "BotCommand")
        if not _COMMAND.match(str(command.get("command", ""))):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(str(command.get("description", ""))) <= 256:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    world.commands[_scope(given)] = commands
    world.touch()
    return True


async def get_my_commands(world: World, updates: Updates, given: Parameters) -> Any:
    return world.commands.get(_scope(given), [])


async def delete_my_commands(world: World, updates: Updates, given: Parameters) -> Any:
    world.commands.pop(_scope(given), None)
    world.touch()
    return True


async def set_my_description(world: World, updates: Updates, given: Parameters) -> Any:
    return _describe(world, "description", given.get("description", ""), longest=512)


async def set_my_short_description(world: World, updates: Updates, given: Parameters) -> Any:
    return _describe(world, "short_description", given.get("short_description", ""), longest=120)


async def set_my_name(world: World, updates: Updates, given: Parameters) -> Any:
    return _describe(world, "name", given.get("name", ""), longest=64)


def _describe(world: World, name: str, text: str, *, longest: int) -> bool:
    if len(text) > longest:
        raise bad_request(f"{name} is too long")
    world.descriptions[name] = text
    world.touch()
    return True


async def get_chat(world: World, updates: Updates, given: Parameters) -> Any:
    gifts = dict.fromkeys(("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), False)
    return {**world.chat(given.get("chat_id")).chat_json(), "accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": gifts}


async def get_file(world: World, updates: Updates, given: Parameters) -> Any:
    if not given.get("file_id"):
        raise bad_request("file_id not specified")
    stored = world.files.get(given["file_id"])
    if stored is None:
        raise bad_request("invalid file_id")
    if len(stored.contents) > DOWNLOAD_LIMIT:
        raise bad_request("file is too big")
    return {**world.file_json(stored), "file_path": stored.path}


async def answer_callback_query(world: World, updates: Updates, given: Parameters) -> Any:
    tap = world.taps.get(given.get("callback_query_id", ""))
    if tap is None or tap.is_too_old:
        raise bad_request(_OLD_TAP)
    if len(given.get("text", "")) > 200:
        raise bad_request("MESSAGE_TOO_LONG")
    if tap.answer is None:
        tap.answer = {"text": given.get("text", ""), "is_alert": given.get("show_alert", False)}
        world.touch()
    return True
