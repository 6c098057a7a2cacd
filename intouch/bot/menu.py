"""Menu: the commands that Telegram offers while a person types a slash, and how the bot introduces itself."""

from __future__ import annotations

from collections.abc import Awaitable

import telegram

from intouch import logs
from intouch.bot.application import MENU
from intouch.channels.calling import understood
from intouch.runtime import Runtime

log = logs.get("bot")


async def publish(runtime: Runtime, bot: telegram.Bot) -> None:
    """Tell the Bot API the menu and the description. Where it will not hear of them, people are answered all the same.

    After a few starts on one day it asks for hours of waiting before the next.
    """
    lines = runtime.templates.text("telegram/help/menu.txt").strip().splitlines()
    words = dict(line.split(": ", 1) for line in lines)
    await _tell("menu", bot.set_my_commands([(command, words[command]) for command in MENU]))
    await _tell("description", bot.set_my_description(runtime.templates.text("telegram/help/description.txt").strip()[:512]))


async def _tell(what: str, telling: Awaitable[bool]) -> None:
    try:
        await understood(telling)
    except (telegram.error.TelegramError, OSError) as error:
        log.warning("bot.menu_not_set", what=what, error=type(error).__name__, then="told again at the next start")
