"""While nobody answers where the mail server is, nothing else waits for that."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from intouch.channels.outcomes import Envelope, Verdict
from intouch.channels.smtp import SmtpChannel
from intouch.channels.smtp_opening import Patience
from intouch.smtp_address import SmtpAddress
from tests.channels.sending import each

MORE_THAN_SHARED_THREADS = 40  # Python gives all of a process's small tasks 32 at most


async def test_what_needs_a_thread_has_one_though_every_connection_waits_for_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender's beat reads a file in one while it holds SQLite's only writer: people's taps waited for the name server."""
    is_asked, is_over = threading.Event(), threading.Event()

    def silent(*_: Any, **__: Any) -> Any:
        is_asked.set()
        is_over.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    address = SmtpAddress(f"smtp://mail.council.example?connections={MORE_THAN_SHARED_THREADS}")
    channel = SmtpChannel(address, email_from="news@council.example", patience=Patience(connect=30))
    letters = [Envelope(number, f"r{number}@x.example", b"Subject: Hello\r\n\r\nHello\r\n") for number in range(MORE_THAN_SHARED_THREADS)]

    async def verdicts() -> set[Verdict]:
        return {outcome.verdict async for _, outcome in each(channel, letters)}

    sending = asyncio.create_task(verdicts())
    while not is_asked.is_set():
        await asyncio.sleep(0.01)
    try:
        async with asyncio.timeout(3):
            await asyncio.to_thread(int)
    finally:
        is_over.set()
    async with asyncio.timeout(20):
        assert await sending == {Verdict.NOT_TRIED}
    await channel.close()
