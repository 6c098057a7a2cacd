"""Person: somebody with a phone, who writes to the bot and reads what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from intouch.demo.telegram import entities, markup
from intouch.demo.telegram.updates import Updates
from intouch.demo.telegram.world import Message, Tap, User, World

PATIENCE = 15.0


class Person:
    """Acts as one person in their chat with the bot; what they do reaches the bot as an update.

    The waiting calls look at what the bot said or changed since this person last did something.
    """

    def __init__(self, world: World, updates: Updates, user: User) -> None:
        self.world = world
        self.updates = updates
        self.user = user
        self._mark = world.revision

    @property
    def id(self) -> int:
        return self.user.id

    @property
    def messages(self) -> list[Message]:
        """What the bot said to this person and did not take back, oldest first."""
        return [message for message in self.user.messages if message.is_from_bot and not message.is_deleted]

    @property
    def last(self) -> Message:
        """The message of the bot that came or changed last."""
        return max(self.messages, key=lambda message: message.revision)

    @property
    def toasts(self) -> list[str]:
        """The notes shown over the chat on taps, oldest first."""
        return [tap.answer["text"] for tap in self.world.taps.values() if tap.user_id == self.id and tap.answer and tap.answer["text"]]

    @property
    def keyboard(self) -> list[str]:
        """The labels of the big buttons instead of the keyboard."""
        return markup.labels(self.user.keyboard)

    # -- writing

    async def sends(self, text: str) -> Message:
        """Type and send a text or a command."""
        found = entities.found_in(text, [])
        return self._says({"text": text, "entities": found} if found else {"text": text})

    async def shares_location(self, longitude: float, latitude: float) -> Message:
        return self._says({"location": {"longitude": longitude, "latitude": latitude}})

    async def sends_photo(self, contents: bytes, *, caption: str = "", width: int = 1280, height: int = 960) -> Message:
        """Send a photo, or bytes that claim to be one."""
        stored = self.world.store(contents, filename="photo.jpg", content_type="image/jpeg", folder="photos")
        photo = {**self.world.file_json(stored), "width": width, "height": height}
        return self._says({"photo": [photo], **({"caption": caption} if caption else {})})

    async def sends_document(self, contents: bytes, *, filename: str, content_type: str = "application/octet-stream") -> Message:
        stored = self.world.store(contents, filename=filename, content_type=content_type, folder="documents")
        return self._says({"document": {**self.world.file_json(stored), "file_name": filename, "mime_type": content_type}})

    async def sends_something(self, kind: str) -> Message:
        """Send a ``sticker``, ``voice``, ``contact``, ``poll`` or ``dice``."""
        return self._says({kind: self._something(kind)})

    async def edits(self, message: Message, text: str) -> None:
        """Change a message of one's own."""
        message.content = {"text": text}
        message.edited_at = self.world.clock()
        message.revision = self._mark = self.world.touch()
        self.updates.add("edited_message", self.world.message_json(message))

    def _says(self, content: dict[str, Any]) -> Message:
        self.user.has_started = True
        self.user.has_blocked = False
        if self.user.keyboard and self.user.keyboard.get("one_time_keyboard"):
            self.user.keyboard = None
        message = self.world.add_message(self.user, is_from_bot=False, content=content)
        self._mark = self.world.revision
        self.updates.add("message", self.world.message_json(message))
        return message

    def _something(self, kind: str) -> dict[str, Any]:
        file = self.world.file_json(self.world.store(b"...", filename=f"{kind}.bin", content_type="application/octet-stream", folder=kind))
        sticker = {**file, "type": "regular", "width": 512, "height": 512, "is_animated": False, "is_video": False}
        option = {"persistent_id": "1", "text": "Yes", "voter_count": 0}
        poll = {"id": "1", "question": "Well?", "options": [option], "total_voter_count": 0, "is_closed": False, "is_anonymous": True}
        return {
            "sticker": sticker,
            "voice": {**file, "duration": 2},
            "contact": {"phone_number": "+447700900000", "first_name": self.user.first_name},
            "poll": {**poll, "type": "regular", "allows_multiple_answers": False, "allows_revoting": False, "members_only": False},
            "dice": {"emoji": "🎲", "value": 4},
        }[kind]

    # -- tapping

    async def taps(self, label: str, *, timeout: float = PATIENCE) -> Tap | Message:
        """Tap the newest button with this label, waiting for it to appear and for the bot to answer the tap."""

        def newest() -> Message | str | None:
            if label in self.keyboard:
                return label
            return next((message for message in reversed(self.messages) if label in message.buttons), None)

        found: Message | str = await self._wait(newest, f"a button {label!r}", timeout)
        if isinstance(found, str):
            return await self.sends(found)
        return await self.taps_data(found.data_of(label), message=found, timeout=timeout)

    async def taps_data(self, data: str, *, message: Message | None = None, timeout: float = PATIENCE) -> Tap:
        """Tap a button with this callback data, made up or from an old message; waits until the bot answered."""
        tap = self.starts_tap(data, message=message)
        await self._wait(lambda: tap.answer is not None, f"an answer to the tap on {data!r}", timeout)
        return tap

    def starts_tap(self, data: str, *, message: Message | None = None) -> Tap:
        """Tap without waiting for the bot."""
        under = message or self.messages[-1]
        tap = Tap(str(4_000_000_000 + len(self.world.taps)), self.id, data, under)
        self.world.taps[tap.id] = tap
        self._mark = self.world.touch()
        body = {"id": tap.id, "from": self.user.to_json(), "message": self.world.message_json(under), "chat_instance": "1", "data": data}
        self.updates.add("callback_query", body)
        return tap

    # -- reading

    async def expects(self, part: str, *, timeout: float = PATIENCE) -> Message:
        """Wait until the bot says (or edits a message to) something with ``part`` in it, since this person's last act."""

        def said() -> Message | None:
            return next((message for message in reversed(self.messages) if message.revision > self._mark and part in message.text), None)

        found: Message = await self._wait(said, f"{part!r}", timeout)
        return found

    async def expects_toast(self, part: str, *, timeout: float = PATIENCE) -> str:
        found: str = await self._wait(
            lambda: next((one for one in reversed(self.toasts) if part in one), None), f"a note {part!r}", timeout
        )
        return found

    async def expects_file(self, *, timeout: float = PATIENCE) -> bytes:
        """Wait for a file from the bot since this person's last act, and give its contents."""

        def sent() -> Message | None:
            return next((message for message in reversed(self.messages) if message.revision > self._mark and message.document), None)

        message: Message = await self._wait(sent, "a file", timeout)
        return self.world.files[(message.document or {})["file_id"]].contents

    async def _wait(self, holds: Callable[[], Any], what: str, timeout: float) -> Any:
        try:
            return await self.world.wait_until(holds, timeout=timeout)
        except TimeoutError:
            said = "\n".join(f"  {message.text!r} {message.buttons}" for message in self.messages[-4:])
            raise AssertionError(f"{self.user.first_name} waited {timeout} s for {what}; the bot said last:\n{said}") from None

    # -- leaving and coming back

    def blocks_bot(self) -> None:
        self.user.has_blocked = True
        self._membership("member", "kicked")

    def unblocks_bot(self) -> None:
        self.user.has_blocked = False
        self._membership("kicked", "member")

    def deletes_account(self) -> None:
        self.user.is_deactivated = True

    def _membership(self, before: str, after: str) -> None:
        bot = {key: self.world.bot[key] for key in ("id", "is_bot", "first_name", "username")}
        states = {
            name: {"user": bot, "status": status, **({"until_date": 0} if status == "kicked" else {})}
            for name, status in (("old_chat_member", before), ("new_chat_member", after))
        }
        date = int(self.world.clock().timestamp())
        self.world.touch()
        self.updates.add("my_chat_member", {"chat": self.user.chat_json(), "from": self.user.to_json(), "date": date, **states})
