"""Mailbox: a mail server on loopback that keeps what it gets in memory, for the demo and for the tests."""

from __future__ import annotations

import asyncio
import contextlib
import email.policy
import warnings
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import cached_property
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

LARGEST_MAIL = 32 * 1024 * 1024


@dataclass(frozen=True)
class Attachment:
    filename: str
    content_type: str
    contents: bytes


@dataclass(frozen=True)
class Mail:
    """One accepted email: the envelope's addresses and the bytes as they came; taken apart only when somebody looks."""

    number: int
    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    received_at: datetime

    @cached_property
    def _parsed(self) -> EmailMessage:
        return email.message_from_bytes(self.raw, policy=email.policy.default)

    @cached_property
    def headers(self) -> dict[str, str]:
        """The headers by their names in lower case."""
        return {name.lower(): str(value) for name, value in self._parsed.items()}

    @property
    def subject(self) -> str:
        return self.headers.get("subject", "")

    @property
    def message_id(self) -> str:
        return self.headers.get("message-id", "")

    @cached_property
    def html(self) -> str:
        """The body as people see it; empty for an email in plain text only."""
        return self._body("text/html")

    @cached_property
    def text(self) -> str:
        """The plain-text body."""
        return self._body("text/plain")

    @cached_property
    def attachments(self) -> tuple[Attachment, ...]:
        return tuple(_attachment(part) for part in self._parsed.walk() if part.get_content_disposition() == "attachment")

    def _body(self, content_type: str) -> str:
        for part in self._parsed.walk():
            if part.get_content_type() == content_type and part.get_content_disposition() != "attachment":
                return str(part.get_content()).replace("\r\n", "\n")
        return ""


def _attachment(part: Any) -> Attachment:
    contents = part.get_payload(decode=True)
    return Attachment(part.get_filename() or "file", part.get_content_type(), contents if isinstance(contents, bytes) else b"")


@dataclass
class _Refusals:
    """What the server says no to: always to an address, or to the next so many emails."""

    of_address: dict[str, str] = field(default_factory=dict)
    of_next: list[str] = field(default_factory=list)
    hang_for: float = 0
    drops: int = 0


class Mailbox:
    """Everybody's mailbox at once. ``url`` goes into the settings as ``INTOUCH_SMTP_URL``."""

    def __init__(self, *, user: str = "", password: str = "", pipelining: bool = True, clock: Callable[[], datetime] | None = None) -> None:
        self.messages: list[Mail] = []
        self.url = ""
        self.port = 0
        self.connections = 0
        self.logins: list[str] = []
        self.offers_pipelining = pipelining
        self._clock = clock or (lambda: datetime.now(UTC))
        self._user, self._password = user, password
        self._refusals = _Refusals()
        self._changed = asyncio.Event()

    # -- what goes wrong on request

    def refuse(self, address: str, reply: str = "550 5.1.1 No such mailbox here") -> None:
        """Refuse this recipient from now on; an empty reply takes it back."""
        self._refusals.of_address[address.lower()] = reply

    def refuse_next(self, reply: str = "451 4.3.0 Try again later", *, times: int = 1) -> None:
        """Refuse the next emails after their last line."""
        self._refusals.of_next.extend([reply] * times)

    def hang(self, seconds: float) -> None:
        """Let every answer to an email wait so long; 0 ends it."""
        self._refusals.hang_for = seconds

    def drop_next(self, *, times: int = 1) -> None:
        """Accept the next emails and break the line before saying so."""
        self._refusals.drops += times

    # -- reading

    def to(self, address: str) -> list[Mail]:
        """The emails to this address, oldest first."""
        return [mail for mail in self.messages if address.lower() in (one.lower() for one in mail.recipients)]

    async def wait_for(self, *, to: str = "", subject: str = "", number: int = 1, timeout: float = 15.0) -> Mail:
        """Wait for the ``number``-th email to this address whose subject has this part in it; ``AssertionError`` when none comes."""

        def matching() -> list[Mail]:
            return [mail for mail in (self.to(to) if to else self.messages) if subject.lower() in mail.subject.lower()]

        try:
            async with asyncio.timeout(timeout):
                while len(matching()) < number:
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"no email within {timeout} s; there are {[mail.subject for mail in self.messages]}") from None
        return matching()[number - 1]

    async def changed(self, since: int) -> None:
        """Wait until there are more than ``since`` emails."""
        while len(self.messages) <= since:
            await self._changed.wait()

    # -- aiosmtpd's hooks

    async def handle_EHLO(self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]) -> list[str]:
        session.host_name = hostname
        self.connections += 1
        return [*responses[:-1], "250-PIPELINING", responses[-1]] if self.offers_pipelining else responses

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if reply := self._refusals.of_address.get(address.lower()):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self._refusals.hang_for:
            await asyncio.sleep(self._refusals.hang_for)
        if self._refusals.of_next:
            return self._refusals.of_next.pop(0)
        self._keep(envelope)
        if self._refusals.drops:
            self._refusals.drops -= 1
            cast("Any", server).transport.abort()
        return "250 OK"

    def _keep(self, envelope: Envelope) -> None:
        raw = cast("bytes", envelope.content)
        number = len(self.messages) + 1
        self.messages.append(Mail(number, envelope.mail_from or "", tuple(envelope.rcpt_tos), raw, self._clock()))
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def protocol(self) -> SMTP:
        """A fresh SMTP session for one connection."""
        with warnings.catch_warnings():
            # A login without TLS is what it warns of; this server is only ever reached from this machine.
            warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS")
            return SMTP(
                self,
                data_size_limit=LARGEST_MAIL,
                hostname="mailbox.example",
                ident="In Touch mailbox",
                enable_SMTPUTF8=True,
                loop=asyncio.get_running_loop(),
                authenticator=self._authenticate if self._user else None,
                auth_required=bool(self._user),
                auth_require_tls=False,
            )

    def _authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
        is_right = isinstance(given, LoginPassword) and (given.login, given.password) == (self._user.encode(), self._password.encode())
        if is_right:
            self.logins.append(self._user)
        return AuthResult(success=is_right, handled=False)


@contextlib.asynccontextmanager
async def mailbox(
    *, port: int = 0, user: str = "", password: str = "", pipelining: bool = True, clock: Callable[[], datetime] | None = None
) -> AsyncIterator[Mailbox]:
    """A mail server on a loopback port (0: a free one) while the block runs; with ``user``, it wants a login."""
    box = Mailbox(user=user, password=password, pipelining=pipelining, clock=clock)
    connections: set[asyncio.BaseTransport] = set()

    def accept() -> SMTP:
        session = box.protocol()
        made = session.connection_made

        def connection_made(transport: asyncio.BaseTransport) -> None:
            connections.add(transport)
            made(transport)

        session.connection_made = connection_made  # type: ignore[method-assign]
        return session

    server = await asyncio.get_running_loop().create_server(accept, "127.0.0.1", port)
    box.port = server.sockets[0].getsockname()[1]
    box.url = f"smtp://{user}:{password}@127.0.0.1:{box.port}" if user else f"smtp://127.0.0.1:{box.port}"
    try:
        yield box
    finally:
        server.close()
        for transport in connections:
            transport.close()
        await asyncio.sleep(0)
        await server.wait_closed()
