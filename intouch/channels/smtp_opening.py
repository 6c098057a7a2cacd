"""SMTP opening: how a connection to the mail server comes about: reached, secured, greeted and signed in."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, cast

import aiosmtplib

from intouch import logs
from intouch.channels.smtp_wire import Wire
from intouch.smtp_address import SmtpAddress

log = logs.get("channels")

_SHARE = 3.0  # seconds for one address of several
_NUMBER = re.compile("[0-9]{1,20}")  # RFC 1870; Python refuses to read some thousands of digits


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


def client(address: SmtpAddress, sender: str, seconds: float) -> aiosmtplib.SMTP:
    """The client that ``meet`` then makes a connection with, as the sender does and whoever asks how that would go."""
    return aiosmtplib.SMTP(
        hostname=address.host,
        username=address.user or None,
        password=address.password or None,
        use_tls=address.uses_tls,
        start_tls=address.starttls and not address.uses_tls,
        validate_certs=address.verify,
        # Looking up this machine's own full name can take seconds; the sender's domain is as good a name.
        local_hostname=sender.rpartition("@")[2],
        timeout=seconds,
    )


async def dial(address: SmtpAddress, seconds: float) -> AsyncGenerator[socket.socket, None]:
    """A socket to each of the host's addresses that takes us, one after the other; raises what the last one that doesn't said.

    Each has its share of the time to take us: an IPv6 that leads nowhere must not have it all.
    """
    found = await _look_up(address)
    share = min(_SHARE, seconds / len(found))
    for left, (family, kind, protocol, _, where) in zip(range(len(found) - 1, -1, -1), found, strict=True):
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        try:
            async with asyncio.timeout(share if left else None):
                await asyncio.get_running_loop().sock_connect(made, where)
        except OSError:  # a timeout is one too
            made.close()
            if not left:
                raise
        except BaseException:
            made.close()
            raise
        else:
            yield made


async def _look_up(address: SmtpAddress) -> list[Any]:
    """Where the host is. While the name server is silent this hangs, and so it has a thread of its own, for which nobody waits:
    of those that the process shares there are few, and one may be wanted in the middle of a transaction."""
    asked: Future[list[Any]] = Future()
    threading.Thread(target=_ask, args=(asked, address), name="lookup", daemon=True).start()
    return await asyncio.wrap_future(asked)


def _ask(asked: Future[list[Any]], address: SmtpAddress) -> None:
    asked.set_running_or_notify_cancel()
    try:
        asked.set_result(socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM))
    except Exception as error:  # such as a host that IDNA has no letters for
        asked.set_exception(error)


async def meet(smtp: aiosmtplib.SMTP, address: SmtpAddress, seconds: float) -> None:
    """Connect, secure, sign in and say EHLO, or HELO where that is all that the server knows.

    An address that hangs up or turns us away before it has said its welcome is passed over for the next: often it is a proxy whose
    mail server is gone, or a node that is busy.
    """
    refused: Exception = OSError("the host has no address")
    async with contextlib.aclosing(dial(address, seconds)) as sockets:
        async for made in sockets:
            try:
                await smtp.connect(sock=made)
                break
            except (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPConnectResponseError) as error:
                refused = error
        else:
            raise refused
    if smtp.is_ehlo_or_helo_needed:
        await _greet(smtp)


async def reach(address: SmtpAddress, sender: str, patience: Patience) -> tuple[Wire, Offer]:
    """A wire ready for its first transaction, and what the server offers: aiosmtplib opens, secures and authenticates."""
    smtp = client(address, sender, patience.connect)
    try:
        async with asyncio.timeout(patience.connect):
            await meet(smtp, address, patience.connect)
    except aiosmtplib.SMTPResponseException as error:
        smtp.close()
        raise CannotConnect(f"the mail server answered {error.code} while connecting ({type(error).__name__})") from None
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
        smtp.close()
        raise CannotConnect(f"no connection to the mail server ({type(error).__name__})") from None
    except Exception as error:
        # A fault of ours: whoever waits for this connection must hear of it all the same.
        smtp.close()
        log.error("smtp.opening_fault", error=type(error).__name__, exc_info=True)
        raise CannotConnect(f"no connection to the mail server ({type(error).__name__})") from None
    if not smtp.is_connected:
        raise CannotConnect("the mail server hung up right after its welcome")
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
        most_bytes=int(size) if _NUMBER.fullmatch(size) else 0,
    )
