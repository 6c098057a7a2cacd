"""Mail server: one try to reach it as the sender would, and what is wrong and what to do when that fails."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

import aiosmtplib

from intouch.channels import smtp_opening
from intouch.smtp_address import SmtpAddress

_PATIENCE = 8.0  # seconds for reaching it, and again for what it says

_OTHER_DOOR = "Check the port in INTOUCH_SMTP_URL: 587 goes with smtp:// and ?starttls=1, 465 with smtps://, 25 with smtp://."


async def trouble(address: SmtpAddress, sender: str, *, patience: float = _PATIENCE) -> tuple[str, str] | None:
    """What is wrong and what to do about it; None when it answers, secures the connection and signs us in."""
    where = f"{address.host}:{address.port}"
    if (unreached := await _unreached(address, patience)) is not None:
        return f"{where} can't be reached: {unreached[0]}.", unreached[1]
    smtp = smtp_opening.client(address, sender, patience)
    try:
        async with asyncio.timeout(patience):
            await smtp_opening.meet(smtp, address, patience)
        return None
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:  # a timeout is an OSError too
        found, advice = _reason(error, address)
        return f"{where} {found}.", advice
    finally:
        smtp.close()


async def _unreached(address: SmtpAddress, patience: float) -> tuple[str, str] | None:
    try:
        async with asyncio.timeout(patience):
            async with contextlib.aclosing(smtp_opening.dial(address, patience)) as sockets:
                (await anext(sockets)).close()
    except TimeoutError:
        return (
            f"no answer within {patience:.0f} seconds",
            "Check host and port in INTOUCH_SMTP_URL, and the firewalls between.",
        )
    except socket.gaierror:
        return "no such host is known", "Check the host in INTOUCH_SMTP_URL, and this machine's DNS."
    except ConnectionRefusedError:
        return "nothing listens there", "Check the port in INTOUCH_SMTP_URL, and whether the mail server runs."
    except OSError as error:
        return f"{error.strerror or type(error).__name__}", "Check host and port in INTOUCH_SMTP_URL, and the network."
    return None


def _reason(error: Exception, address: SmtpAddress) -> tuple[str, str]:
    causes = {type(one) for one in (error, error.__cause__, error.__context__)}
    if isinstance(error, aiosmtplib.SMTPAuthenticationError) and error.code >= 500:
        return "refuses the user or the password", "Check both in INTOUCH_SMTP_URL."
    if ssl.SSLCertVerificationError in causes:
        advice = "Write the host as its certificate has it, or have it trusted on this machine; verify=0 is for test servers."
        return "shows a certificate that can't be trusted", advice
    if any(issubclass(cause, ssl.SSLError) for cause in causes):
        return "does not speak TLS in this way", _OTHER_DOOR
    if any(issubclass(cause, (TimeoutError, aiosmtplib.SMTPTimeoutError)) for cause in causes):
        return "takes the connection and then says nothing", _OTHER_DOOR
    if "authentication method" in str(error):  # such as Exchange Online, where passwords are turned off
        return "knows no way of signing in that In Touch does", "Ask whoever runs it for PLAIN, LOGIN or CRAM-MD5, such as an app password."
    if isinstance(error, aiosmtplib.SMTPNotSupported) or "not supported" in str(error):
        return _not_offered(address)
    if isinstance(error, aiosmtplib.SMTPResponseException) and 400 <= error.code < 600:
        return f"turns us away with {error.code}", "Ask whoever runs it whether this machine may send there."
    return "answers, but not as a mail server does", _OTHER_DOOR


def _not_offered(address: SmtpAddress) -> tuple[str, str]:
    if address.starttls:
        return "offers no STARTTLS", _OTHER_DOOR
    return "takes no user and password on this connection", "Add ?starttls=1 or write smtps://, or leave user and password out."
