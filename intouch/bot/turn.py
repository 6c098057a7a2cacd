"""Turn: one thing a person did in the chat, and what the bot says back."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council.models import Councillor, Officer
from intouch.errors import BadInput, NotFound
from intouch.residents.models import Dialogue, Resident
from intouch.runtime import Runtime
from intouch.templating import TelegramMessage

_LARGEST = 2**63 - 1  # what a database takes for a number; callback data can be made up


class Content(StrEnum):
    """What kind of thing arrived."""

    TEXT = "text"
    COMMAND = "command"
    TAP = "tap"
    LOCATION = "location"
    PHOTO = "photo"
    OTHER = "other"  # stickers, voice, polls, contacts: understood as "something else"


@dataclass(frozen=True)
class Incoming:
    """An update from Telegram, read once: nothing of the library goes further in than this.

    ``text`` is the message, the caption, or what stands behind a command. ``command`` has no slash.
    ``data`` are the parts of a tapped button's callback data. ``file_id`` and ``file_size`` (bytes) are the photo's.
    ``sent_at`` is when a message was sent, in seconds since 1970.
    """

    update_id: int
    telegram_id: int
    first_name: str
    language: str
    content: Content
    text: str = ""
    command: str = ""
    data: tuple[str, ...] = ()
    tap_id: str = ""
    message_id: int | None = None
    sent_at: int = 0
    longitude: float | None = None
    latitude: float | None = None
    file_id: str = ""
    file_size: int = 0

    @property
    def key(self) -> int:
        """Under which it has its effect once: its number, and what tells it from another of that number of a Bot API that counts anew."""
        what = zlib.crc32(f"{self.telegram_id} {self.tap_id} {self.message_id} {self.sent_at}".encode("utf-8", "replace"))
        return (self.update_id << 24 | what >> 8) & _LARGEST


@dataclass(frozen=True)
class Document:
    """A file to send."""

    filename: str
    contents: bytes
    caption: str = ""


@dataclass(frozen=True)
class Reply:
    """What goes straight back to the person.

    ``edits``: the message replaces the one whose button was tapped. ``toast``: a short plain note shown over the chat on
    a tap (at most 200 characters). ``more``: replies that follow this one.
    """

    message: TelegramMessage | None = None
    edits: bool = False
    toast: str = ""
    document: Document | None = None
    more: tuple[Reply, ...] = ()

    def then(self, *others: Reply) -> Reply:
        """This reply, followed by others."""
        return replace(self, more=(*self.more, *others))


@dataclass
class Turn:
    """One thing a person did, with all that a handler needs to answer it inside one writing transaction.

    ``photo`` holds the bytes of a photo sent while a report is being written; it is fetched before the transaction. ``said`` is
    shared by turns that are answered together: what is said to many of them with the same values is rendered once.
    """

    runtime: Runtime
    session: AsyncSession
    incoming: Incoming
    now: datetime
    resident: Resident | None = None
    officer: Officer | None = None
    councillor: Councillor | None = None
    dialogue: Dialogue | None = None
    photo: bytes | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    said: dict[Hashable, TelegramMessage] | None = None

    @property
    def telegram_id(self) -> int:
        return self.incoming.telegram_id

    @property
    def text(self) -> str:
        return self.incoming.text

    @property
    def data(self) -> tuple[str, ...]:
        """The parts of the callback data behind the room's name: ``survey:12:3`` → ``("12", "3")``."""
        return self.incoming.data[1:]

    @property
    def is_linked(self) -> bool:
        """Whether this is an officer's or a councillor's chat."""
        return self.officer is not None or self.councillor is not None

    def known(self) -> Resident:
        """The resident; the routes table has made sure that there is one."""
        if self.resident is None:
            raise NotFound("Please send /start first, so that we know your ward.")
        return self.resident

    def number(self, position: int) -> int:
        """The callback data's part at ``position`` as a number; made-up data gets the sentence for old buttons."""
        written = self.word(position)
        number = int(written) if written.isascii() and written.isdecimal() else -1
        if not 0 <= number <= _LARGEST:
            raise old_button()
        return number

    def word(self, position: int) -> str:
        """The callback data's part at ``position``."""
        try:
            return self.data[position]
        except IndexError:
            raise old_button() from None

    def say(self, template: str, *, edits: bool = False, toast: str = "", **values: Any) -> Reply:
        """A reply from ``templates/telegram/<template>.html``; on a tap, ``edits=True`` replaces the tapped message."""
        return Reply(self._rendered(template, values), edits=edits and self.incoming.content is Content.TAP, toast=toast)

    def _rendered(self, template: str, values: dict[str, Any]) -> TelegramMessage:
        if self.said is None:
            return self.runtime.templates.telegram(template, **values)
        key = (template, *values.items())
        if key not in self.said:
            self.said[key] = self.runtime.templates.telegram(template, **values)
        return self.said[key]


Handler = Callable[[Turn], Awaitable[Reply]]


@dataclass(frozen=True)
class Conversation:
    """How one kind of dialogue goes on: ``hear`` what was sent, ``ask`` the question that is open, ``cancel`` it."""

    hear: Handler
    ask: Handler
    cancel: Handler


def old_button() -> BadInput:
    """The error for a button that leads nowhere any more."""
    return BadInput("That button is from an old message and no longer works. Send /help to see what you can do.")
