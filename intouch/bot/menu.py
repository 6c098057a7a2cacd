"""Menu: the commands that Telegram offers while a person types a slash, and how the bot introduces itself."""

from __future__ import annotations

import telegram

from intouch.bot.application import MENU
from intouch.channels.calling import understood
from intouch.runtime import Runtime


async def publish(runtime: Runtime, bot: telegram.Bot) -> None:
    """Tell the Bot API the menu and the description."""
    lines = runtime.templates.text("telegram/help/menu.txt").strip().splitlines()
    words = dict(line.split(": ", 1) for line in lines)
    await understood(bot.set_my_commands([(command, words[command]) for command in MENU]))
    await understood(bot.set_my_description(runtime.templates.text("telegram/help/description.txt").strip()[:512]))
