"""Turns for the tests of surveys in the chat: what one person taps and types, and what comes back."""

from __future__ import annotations

from itertools import count

from intouch.bot.opening import open_turn
from intouch.bot.turn import Content, Handler, Incoming, Reply
from intouch.runtime import Runtime
from intouch.templating import TelegramMessage

_numbers = count(1)


class Phone:
    """One person's chat; each turn is a transaction of its own, as the dispatcher does it."""

    def __init__(self, runtime: Runtime, telegram_id: int) -> None:
        self.runtime, self.telegram_id = runtime, telegram_id

    async def turn(self, handler: Handler, content: Content, *, text: str = "", data: str = "") -> Reply:
        incoming = Incoming(
            update_id=next(_numbers),
            telegram_id=self.telegram_id,
            first_name="Alice",
            language="en",
            content=content,
            text=text,
            data=tuple(data.split(":")) if data else (),
            message_id=1,
        )
        async with self.runtime.sessions.write() as session:
            return await handler(await open_turn(self.runtime, session, incoming))


def message(reply: Reply) -> TelegramMessage:
    assert reply.message is not None
    return reply.message


def labels(reply: Reply) -> list[str]:
    return [button.label for row in message(reply).buttons for button in row]


def data_of(reply: Reply, label: str) -> str:
    """The callback data of the button with this label."""
    return next(button.data for row in message(reply).buttons for button in row if button.label == label)
