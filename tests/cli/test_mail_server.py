"""The doctor and the mail server: whatever is the matter with it is one line, with what to do."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from intouch.cli import mail_server
from intouch.smtp_address import SmtpAddress
from tests.journeys.conftest import free_port

CERTIFICATE = Path(__file__).parents[1] / "channels" / "certificate"
GREETING = b"220 ready\r\n"


@asynccontextmanager
async def serving(*lines: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that says the first of these lines, and one more whenever it is told something; then nothing any more."""

    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(cast("asyncio.Task[None]", asyncio.current_task()))
        with contextlib.suppress(OSError):
            for line in lines:
                writer.write(line)
                await writer.drain()
                if not await reader.readline():
                    break
            await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await asyncio.wait_for(asyncio.gather(*handlers), 5)


async def said(url: str, patience: float = 20.0) -> str:
    found = await mail_server.trouble(SmtpAddress(url), "news@council.example", patience=patience)
    assert found is None or not any("\n" in part or "hunter2" in part for part in found)
    return " ".join(found) if found else "well"


@pytest.mark.parametrize(
    ("lines", "query", "sentence"),
    [
        ((GREETING, b"250 hello\r\n"), "", "well"),
        ((GREETING, b"502 5.5.1 EHLO? never heard\r\n", b"250 hello\r\n"), "", "well"),
        ((), "", "takes the connection and then says nothing. Check the port"),
        ((GREETING,), "", "takes the connection and then says nothing"),
        ((b"HTTP/1.1 400 Bad Request\r\n",), "", "answers, but not as a mail server does. Check the port"),
        ((b"\x00\xff\x00\xff\r\n",), "", "answers, but not as a mail server does"),
        ((b"554 5.7.1 not you\r\n",), "", "turns us away with 554. Ask whoever runs it"),
        ((GREETING, b"250 hello\r\n"), "?starttls=1", "offers no STARTTLS. Check the port"),
        ((GREETING, b"250-hello\r\n250 STARTTLS\r\n", b"220 go on\r\n", b"junk\r\n"), "?starttls=1", "does not speak TLS in this way"),
    ],
)  # fmt: skip
async def test_whatever_it_says_is_told_in_words(lines: tuple[bytes, ...], query: str, sentence: str) -> None:
    async with serving(*lines) as port:
        # Silence has to be sat out; whoever says something is waited for on the busiest machine.
        assert sentence in await said(f"smtp://127.0.0.1:{port}{query}", *([0.5] if "says nothing" in sentence else []))


@pytest.mark.parametrize(
    ("hello", "answers", "sentence"),
    [
        (b"250 hello\r\n", (), "takes no user and password on this connection. Add ?starttls=1"),
        (b"250-hello\r\n250 AUTH XOAUTH2 SCRAM-SHA-256\r\n", (), "knows no way of signing in that In Touch does. Ask whoever runs it"),
        (b"250-hello\r\n250 AUTH PLAIN\r\n", (b"535 5.7.8 no\r\n",), "refuses the user or the password. Check both"),
        (b"250-hello\r\n250 AUTH PLAIN\r\n", (b"235 2.7.0 yes\r\n",), "well"),
        (b"250-hello\r\n250 AUTH PLAIN\r\n", (b"454 4.7.0 later\r\n",), "turns us away with 454"),
    ],
)
async def test_who_signs_in_hears_what_is_wrong_with_that(hello: bytes, answers: tuple[bytes, ...], sentence: str) -> None:
    async with serving(GREETING, hello, *answers) as port:
        assert sentence in await said(f"smtp://olive:hunter2@127.0.0.1:{port}")


async def test_a_closed_port_and_an_unknown_host_are_told_apart() -> None:
    assert f"127.0.0.1:{(port := free_port())} can't be reached: nothing listens there." in await said(f"smtp://127.0.0.1:{port}")
    assert "no such host is known. Check the host" in await said("smtp://nowhere.invalid")


async def test_tls_where_there_is_none_and_a_certificate_that_nobody_signed() -> None:
    async with serving(GREETING) as port:
        assert "does not speak TLS in this way. Check the port" in await said(f"smtps://127.0.0.1:{port}")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE / "cert.pem", CERTIFICATE / "key.pem")
    async with serving(GREETING, b"250 hello\r\n", tls=tls) as port:
        assert "shows a certificate that can't be trusted" in await said(f"smtps://127.0.0.1:{port}")
        assert await said(f"smtps://127.0.0.1:{port}?verify=0") == "well"
