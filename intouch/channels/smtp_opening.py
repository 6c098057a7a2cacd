"""SMTP opening: how a connection to the mail server comes about: reached, secured, greeted and signed in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import cast

import aiosmtplib

from intouch.channels.smtp_wire import Wire
from intouch.smtp_address import SmtpAddress


class CannotConnect(Exception):
    """No connection that could be used came about; the text says at which step, without secrets."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait for the mail server: to be connected, secured and authenticated; for a command; for the last reply."""

    connect: float = 30.0
    command: float = 60.0
    final: float = 300.0


@dataclass(frozen=True, slots=True)
class Offer:
    """What the server said to EHLO."""

    pipelining: bool = False
    utf8: bool = False
    eight_bit: bool = False
    declares_size: bool = False
    most_bytes: int = 0


async def reach(address: SmtpAddress, sender: str, patience: Patience) -> tuple[Wire, Offer]:
    """A wire ready for its first transaction, and what the server offers: aiosmtplib opens, secures and authenticates."""
    smtp = aiosmtplib.SMTP(
        hostname=address.host,
        port=address.port,
        username=address.user or None,
        password=address.password or None,
        use_tls=address.uses_tls,
        start_tls=address.starttls and not address.uses_tls,
        validate_certs=address.verify,
        # Looking up this machine's own full name can take seconds; the sender's domain is as good a name.
        local_hostname=sender.rpartition("@")[2],
        timeout=patience.connect,
    )
    try:
        async with asyncio.timeout(patience.connect):
            await smtp.connect()
            if smtp.is_ehlo_or_helo_needed:
                await _greet(smtp)
    except aiosmtplib.SMTPResponseException as error:
        smtp.close()
        raise CannotConnect(f"the mail server answered {error.code} while connecting ({type(error).__name__})") from None
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
        smtp.close()
        raise CannotConnect(f"no connection to the mail server ({type(error).__name__})") from None
    return Wire(cast("asyncio.Transport", smtp.transport)), _offer(smtp)


async def _greet(smtp: aiosmtplib.SMTP) -> None:
    try:
        await smtp.ehlo()
    except aiosmtplib.SMTPHeloError:
        await smtp.helo()


def _offer(smtp: aiosmtplib.SMTP) -> Offer:
    said = smtp.esmtp_extensions
    size = said.get("size", "").strip()
    return Offer(
        pipelining="pipelining" in said,
        utf8="smtputf8" in said,
        eight_bit="8bitmime" in said,
        declares_size="size" in said,
        most_bytes=int(size) if size.isdigit() else 0,
    )
