"""Handlers: acting as one person towards the sign-up and account handlers, without a wire, on a real database."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

from intouch.bot import account, application, erasing, signup
from intouch.bot.opening import open_turn
from intouch.bot.turn import Content, Handler, Incoming, Reply, Turn
from intouch.errors import InTouchError
from intouch.residents import dialogues
from intouch.runtime import Runtime

COMMANDS: Mapping[str, Handler] = {
    "start": signup.start,
    "settings": account.settings,
    "privacy": account.privacy,
    "export": account.export,
    "erase": erasing.erase,
    "stop": account.stop,
}
_updates = count(1)


class Person:
    """Somebody with a phone: sends, taps what is under the last messages, and remembers what came back."""

    def __init__(self, runtime: Runtime, telegram_id: int, name: str = "Alice") -> None:
        self.runtime = runtime
        self.telegram_id = telegram_id
        self.name = name
        self.said: list[str] = []
        self.buttons: dict[str, str] = {}
        self.reply = Reply()

    async def command(self, name: str, text: str = "") -> str:
        return await self._act(Content.COMMAND, command=name, text=text)

    async def send(self, text: str) -> str:
        return await self._act(Content.TEXT, text=text)

    async def share(self, longitude: float, latitude: float) -> str:
        return await self._act(Content.LOCATION, longitude=longitude, latitude=latitude)

    async def sticker(self) -> str:
        return await self._act(Content.OTHER)

    async def photo(self) -> str:
        return await self._act(Content.PHOTO, text="a caption", file_id="f")

    async def press(self, label: str) -> str:
        """Tap the button with this label (or a part of it)."""
        data = next(data for shown, data in self.buttons.items() if label in shown)
        return await self.tap(data)

    async def tap(self, data: str) -> str:
        return await self._act(Content.TAP, data=tuple(data.split(":")), message_id=1)

    async def _act(self, content: Content, **more: object) -> str:
        what = Incoming(next(_updates), self.telegram_id, self.name, "en", content, **more)  # type: ignore[arg-type]
        try:
            async with self.runtime.sessions.write() as session:
                turn = await open_turn(self.runtime, session, what)
                self.reply = await self._handler(turn)(turn)
        except InTouchError as error:
            self.reply = Reply(self.runtime.templates.telegram("help/sorry", sentence=str(error)))
        return self._read(self.reply)

    def _handler(self, turn: Turn) -> Handler:
        what = turn.incoming
        if what.content is Content.COMMAND and what.command == "cancel":
            return self._cancel
        if what.content is Content.COMMAND:
            return COMMANDS[what.command]
        if what.content is Content.TAP:
            return account.tap if what.data[0] == "account" else signup.tap
        assert turn.dialogue is not None, "nothing hears this"
        return application.CONVERSATIONS[turn.dialogue.kind].hear

    async def _cancel(self, turn: Turn) -> Reply:
        assert turn.dialogue is not None
        reply = await application.CONVERSATIONS[turn.dialogue.kind].cancel(turn)
        await dialogues.end(turn.session, self.telegram_id)
        return reply

    def _read(self, reply: Reply) -> str:
        messages = [one.message for one in (reply, *reply.more) if one.message is not None]
        self.said = [message.text for message in messages]
        self.buttons = {button.label: button.data for message in messages for row in message.buttons for button in row}
        self.asks_location = any(message.location_label for message in messages)
        return "\n---\n".join(self.said)
