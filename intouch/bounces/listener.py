"""Listener: takes reports from the council's mail server over LMTP or SMTP."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, AnyStr

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from intouch import logs
from intouch.bounces.intake import Intake
from intouch.bounces.reading import MOST_BYTES
from intouch.errors import InTouchError

log = logs.get("bounces")

MOST_CONNECTIONS = 50
_MOST_RECIPIENTS = 100  # RFC 5321 4.5.3.1.8: no server may refuse so many
_IDLE_SECONDS = 60.0
_TAKEN, _LATER = "250 2.0.0 Taken", "451 4.3.0 Please try again later"
_TOO_LARGE = "552 Error: Too much mail data"  # aiosmtpd's words


class ListenerPortTaken(InTouchError):
    """Something else listens where reports should come in."""


class Listener:
    """Answers 250 only when what followed from the report is committed; the mail server keeps and repeats everything else."""

    def __init__(self, intake: Intake, url: str) -> None:
        scheme, _, place = url.partition("://")
        host, _, port = place.rpartition(":")
        self._server_class: type[SMTP] = _Lmtp if scheme == "lmtp" else _Smtp
        self._host, self._port = host.strip("[]"), int(port)
        self._handler = _Handler(intake)
        self._server: asyncio.Server | None = None

    async def open(self) -> int:
        """Begin to listen; the port. Raises ``ListenerPortTaken``."""
        try:
            self._server = await asyncio.get_running_loop().create_server(self._protocol, self._host, self._port)
        except OSError as error:
            raise ListenerPortTaken(
                f"Can't listen for bounces on {self._host}:{self._port} ({type(error).__name__}). "
                "Stop what uses that port, or set INTOUCH_BOUNCE_LISTEN."
            ) from None
        return int(self._server.sockets[0].getsockname()[1])

    async def run(self) -> None:
        """Listen until cancelled."""
        if self._server is None:
            await self.open()
        assert self._server is not None
        try:
            await self._server.serve_forever()
        finally:
            self._server.close()
            self._server = None

    def _protocol(self) -> SMTP:
        return self._server_class(
            self._handler,
            data_size_limit=MOST_BYTES,
            enable_SMTPUTF8=True,
            decode_data=False,
            hostname="in-touch",
            ident="In Touch",
            timeout=_IDLE_SECONDS,
            loop=asyncio.get_running_loop(),
        )


class _AnyLine:
    """Lines of any length: reports quote emails as they are, and what answers 500 to one loses it, as nobody is told of it."""

    line_length_limit = MOST_BYTES


class _Lmtp(_AnyLine, LMTP):
    async def push(self, status: AnyStr) -> None:
        """LMTP owes an answer for each recipient; aiosmtpd answers a message that is too large but once."""
        is_owed = self.envelope is not None and status == _TOO_LARGE
        for _ in self.envelope.rcpt_tos if is_owed and self.envelope else [""]:
            await super().push(status)


class _Smtp(_AnyLine, SMTP): ...


class _Handler:
    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._room = asyncio.Semaphore(MOST_CONNECTIONS)

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Sequence[str]) -> str:
        if len(envelope.rcpt_tos) >= _MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        if self._intake.paths is None or not self._intake.paths.receives(address):
            return "550 5.1.1 No such address here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        content: Any = envelope.content
        answers = [await self._take(bytes(content or b""), recipient) for recipient in envelope.rcpt_tos]
        # SMTP has one answer for all of them. Those that are taken already are known when it comes again.
        return "\r\n".join(answers) if isinstance(server, LMTP) else next((one for one in answers if one != _TAKEN), _TAKEN)

    async def _take(self, content: bytes, recipient: str) -> str:
        try:
            async with self._room:
                await self._intake.take(content, [recipient])
        except Exception as error:
            log.warning("bounces.not_taken", error=type(error).__name__)
            return _LATER
        return _TAKEN

    async def handle_exception(self, error: Exception) -> str:
        log.warning("bounces.line_failed", error=type(error).__name__)
        return _LATER
