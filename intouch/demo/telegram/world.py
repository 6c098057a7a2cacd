"""World: the people, messages, files and taps that a simulated Telegram holds in memory."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from intouch.demo.telegram import markup
from intouch.demo.telegram.refusals import Refused, bad_request, forbidden

DOWNLOAD_LIMIT = 20 * 1024 * 1024


@dataclass
class Message:
    """One message in the chat of one person with the bot; ``revision`` grows with everything that happens anywhere."""

    message_id: int
    chat_id: int
    is_from_bot: bool
    sent_at: datetime
    content: dict[str, Any]
    inline: markup.Markup | None = None
    edited_at: datetime | None = None
    is_deleted: bool = False
    revision: int = 0

    @property
    def text(self) -> str:
        """What the person reads, without markup; a photo's or a file's caption."""
        return str(self.content.get("text") or self.content.get("caption") or "")

    @property
    def buttons(self) -> list[str]:
        """The labels of the buttons under the message."""
        return markup.labels(self.inline)

    @property
    def document(self) -> dict[str, Any] | None:
        return self.content.get("document")

    def data_of(self, label: str) -> str:
        """The callback data behind the button with this label."""
        return next(str(button.get("callback_data", "")) for button in self.inline_buttons() if button["text"] == label)

    def inline_buttons(self) -> list[dict[str, Any]]:
        return [button for row in (self.inline or {}).get("inline_keyboard", []) for button in row]


@dataclass
class User:
    """A person with Telegram. ``has_started``: they wrote to the bot, so the bot may write to them."""

    id: int
    first_name: str
    language_code: str = "en"
    has_started: bool = False
    has_blocked: bool = False
    is_deactivated: bool = False
    keyboard: markup.Markup | None = None
    is_typing: bool = False
    messages: list[Message] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "is_bot": False, "first_name": self.first_name, "language_code": self.language_code}

    def chat_json(self) -> dict[str, Any]:
        return {"id": self.id, "type": "private", "first_name": self.first_name}


@dataclass
class StoredFile:
    file_id: str
    contents: bytes
    filename: str
    content_type: str
    path: str


@dataclass
class Tap:
    """A callback query: ``answer`` is what the bot said to it over the chat, empty text for nothing."""

    id: str
    user_id: int
    data: str
    message: Message
    is_too_old: bool = False
    answer: dict[str, Any] | None = None


class World:
    """All state of one simulated Telegram with one bot; nothing of it outlives the process."""

    def __init__(self, token: str, *, clock: Callable[[], datetime]) -> None:
        self.token = token
        self.clock = clock
        self.bot: dict[str, Any] = {
            "id": int(token.partition(":")[0]),
            "is_bot": True,
            "first_name": "In Touch",
            "username": "InTouchDemoBot",
            "can_join_groups": False,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }
        self.users: dict[int, User] = {}
        self.files: dict[str, StoredFile] = {}
        self.taps: dict[str, Tap] = {}
        self.commands: dict[str, list[dict[str, str]]] = {}
        self.descriptions: dict[str, str] = {}
        self.revision = 0
        self._last_message_id = 0
        self._changed = asyncio.Event()

    # -- what happened, and waiting for it

    def touch(self) -> int:
        """Something changed: everybody who waits looks again."""
        self.revision += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        return self.revision

    async def changed(self, since: int | None = None) -> None:
        """Wait for the next change, or for one after the revision ``since``."""
        if since is None or since == self.revision:
            await self._changed.wait()

    async def wait_until(self, holds: Callable[[], Any], *, timeout: float) -> Any:
        """Wait until ``holds()`` is true and give its value; ``TimeoutError`` when it never is."""
        async with asyncio.timeout(timeout):
            while not (value := holds()):
                await self.changed()
            return value

    # -- people and chats

    def chat(self, chat_id: str | None) -> User:
        """The chat with this id, refused as Telegram refuses one that the bot may not write to."""
        if not chat_id:
            raise bad_request("chat_id is empty")
        user = self.users.get(int(chat_id)) if chat_id.lstrip("-").isdigit() else None
        if user is None:
            raise bad_request("chat not found")
        return user

    def writable(self, chat_id: str | None) -> User:
        user = self.chat(chat_id)
        reasons = {
            "user is deactivated": user.is_deactivated,
            "bot was blocked by the user": user.has_blocked,
            "bot can't initiate conversation with a user": not user.has_started,
        }
        for reason in (reason for reason, applies in reasons.items() if applies):
            raise forbidden(reason)
        return user

    def add_message(self, user: User, *, is_from_bot: bool, content: dict[str, Any], inline: markup.Markup | None = None) -> Message:
        self._last_message_id += 1
        message = Message(self._last_message_id, user.id, is_from_bot, self.clock(), content, inline, revision=self.touch())
        user.messages.append(message)
        if is_from_bot:
            user.is_typing = False
        return message

    def message(self, user: User, message_id: int | None, *, missing: Refused) -> Message:
        """A message of this chat that still exists; ``missing`` is raised when there is none."""
        found = next((one for one in reversed(user.messages) if one.message_id == message_id and not one.is_deleted), None)
        if found is None:
            raise missing
        return found

    def message_json(self, message: Message) -> dict[str, Any]:
        """The message as the Bot API shows it."""
        user = self.users[message.chat_id]
        sender = {key: self.bot[key] for key in ("id", "is_bot", "first_name", "username")} if message.is_from_bot else user.to_json()
        shown: dict[str, Any] = {
            "message_id": message.message_id,
            "from": sender,
            "chat": user.chat_json(),
            "date": int(message.sent_at.timestamp()),
            **message.content,
        }
        if message.edited_at:
            shown["edit_date"] = int(message.edited_at.timestamp())
        if message.inline:
            shown["reply_markup"] = message.inline
        return shown

    # -- files

    def store(self, contents: bytes, *, filename: str, content_type: str, folder: str) -> StoredFile:
        """Keep a file; its id is as long and as meaningless as Telegram's."""
        file_id = f"BQACAgI{secrets.token_urlsafe(36)}"
        extension = filename.rpartition(".")[2] if "." in filename else "bin"
        stored = StoredFile(file_id, contents, filename, content_type, f"{folder}/file_{len(self.files)}.{extension}")
        self.files[file_id] = stored
        return stored

    def file_json(self, stored: StoredFile) -> dict[str, Any]:
        return {"file_id": stored.file_id, "file_unique_id": f"AQAD{stored.file_id[-12:]}", "file_size": len(stored.contents)}


def machine_time() -> datetime:
    """The machine's own clock, where no other was given."""
    return datetime.now(UTC)
