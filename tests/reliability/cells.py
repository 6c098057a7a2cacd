"""Cells: one fault of a mail server or of the Bot API, and what became of this recipient and of the next."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intouch.channels.outcomes import Envelope, Outcome, Verdict
from intouch.channels.smtp import SmtpChannel, Wear
from intouch.channels.smtp_opening import Patience
from intouch.channels.telegram import TelegramChannel
from intouch.smtp_address import SmtpAddress
from intouch.templating import TelegramMessage
from tests import channels
from tests.channels.scripted_smtp import CLOSE, NONSENSE, RESET, STALL, ScriptedSmtp, serving
from tests.channels.sending import each
from tests.channels.test_telegram import bot_on

STAGES = ("greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "body", "final", "RSET", "QUIT")
FAULTS = {
    "refuses": "554 5.5.0 no",
    "puts off": "451 4.3.0 later",
    "stalls": STALL,
    "closes": CLOSE,
    "resets": RESET,
    "talks nonsense": NONSENSE,
}
WORDS = {
    Verdict.SENT: "sent",
    Verdict.RETRY: "later",
    Verdict.UNKNOWN: "again",
    Verdict.DEAD: "address ended",
    Verdict.FAILED: "failed",
    Verdict.NOT_TRIED: "waits",
}
_CERTIFICATE = Path(channels.__file__).parent / "certificate"
_PATIENCE = Patience(connect=1.5, command=1.5, final=1.5)


@dataclass
class Hasty(ScriptedSmtp):
    """Refuses in the middle of the body where the script says so, and swallows the rest of it in silence."""

    async def _body(self, recipient: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        refusal = self.script.get("body", ("",))[0]
        if refusal[:1] not in ("4", "5"):
            return await super()._body(recipient, reader, writer)
        self.script = {}
        writer.write(f"{refusal}\r\n".encode())
        while await reader.readline() not in (b".\r\n", b""):
            pass
        return None


@dataclass
class Secured(Hasty):
    """Offers STARTTLS and AUTH besides, and does at these stages what the script says."""

    @property
    def url(self) -> str:
        return f"smtp://olive:a-password@127.0.0.1:{self.port}?connections=1&starttls=1&verify=0"

    async def _say(self, stage: str, otherwise: str, writer: asyncio.StreamWriter) -> bool:
        if stage == "STAR":
            good = await super()._say("STARTTLS", "220 go on", writer)
            if good:
                await writer.start_tls(_tls())
            return good
        return await super()._say(stage, "235 2.7.0 welcome" if stage == "AUTH" else otherwise, writer)


def _tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_CERTIFICATE / "cert.pem", _CERTIFICATE / "key.pem")
    return context


@dataclass(frozen=True)
class Cell:
    """What became of whom; ``arrived``: whether the server took this recipient's message all the same."""

    this: Outcome
    following: Outcome
    arrived: bool


async def smtp_cell(stage: str, fault: str, *, pipelining: bool) -> Cell:
    """Two recipients on one connection, the fault at this stage of the first; QUIT and RSET lie between the two."""
    script: dict[str, Sequence[str]] = {stage: [fault]}
    before = []
    if stage == "RSET":  # it is said only after a refusal
        script, before = {"RCPT": ["550 5.1.1 nobody"], "RSET": [fault]}, ["alice@x.example"]
    kind = Secured if stage in ("STARTTLS", "AUTH") else Hasty
    offers = ("8BITMIME", "STARTTLS", "AUTH PLAIN") if kind is Secured else ("8BITMIME",)
    async with serving(kind(script, pipelining=pipelining, extensions=offers)) as server:
        wear = Wear(messages=1) if stage == "QUIT" else Wear()
        channel = SmtpChannel(SmtpAddress(server.url), email_from="In Touch <news@council.example>", patience=_PATIENCE, wear=wear)
        found = await _send(channel, *before, "bob@x.example", "grace@x.example")
        await channel.close()
    return Cell(found[-2], found[-1], "bob@x.example" in [address for address, _ in server.taken])


async def _send(channel: SmtpChannel, *addresses: str) -> list[Outcome]:
    message = b"Subject: Hello\r\n\r\nHello\r\n"
    envelopes = [Envelope(number, address, message, message_id=f"<{number}@x>") for number, address in enumerate(addresses)]
    found = dict([pair async for pair in each(channel, envelopes)])
    return [found[number] for number in range(len(addresses))]


async def telegram_cell(answer: Any) -> Cell:
    """A bulk message that the Bot API answers so, and then a reply to somebody else."""
    async with bot_on(answer) as (bot, api):
        channel = TelegramChannel(bot)
        found = []
        for chat, rank in ((5, 2), (6, 0)):
            envelope = Envelope(chat, str(chat), TelegramMessage("Hello"), rank=rank)
            found += [outcome async for _, outcome in each(channel, [envelope])]
        channel.halt()
    return Cell(found[0], found[1], [message["chat_id"] for message in api.heard].count("5") > 0)
