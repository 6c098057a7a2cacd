"""Where the mail server is: a name for which nobody answers, and several addresses of which one has no mail server behind it."""

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
from tests.channels.scripted_smtp import CLOSE, RESET, ScriptedSmtp, serving
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


@pytest.mark.parametrize("greeting", [CLOSE, RESET, "421 too busy", "554 no mail here"])
async def test_an_address_that_turns_us_away_is_passed_over_for_the_next(greeting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a proxy that takes the connection although the mail server behind it is gone."""
    async with serving(ScriptedSmtp({"greeting": [greeting] * 9})) as gone, serving(ScriptedSmtp()) as there:
        two = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port)) for server in (gone, there)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: two)
        channel = SmtpChannel(SmtpAddress("smtp://mail.council.example?connections=1"), email_from="news@council.example")
        letters = [Envelope(number, f"r{number}@x.example", b"Subject: Hello\r\n\r\nHello\r\n") for number in range(3)]
        async with asyncio.timeout(20):
            verdicts = [outcome.verdict async for _, outcome in each(channel, letters)]
        await channel.close()
    assert verdicts == [Verdict.SENT] * 3


async def test_a_password_that_is_wrong_is_shown_at_one_address_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some count such tries, and shut who makes too many out."""
    async with serving(ScriptedSmtp(extensions=("AUTH PLAIN",))) as first, serving(ScriptedSmtp()) as second:
        two = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port)) for server in (first, second)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: two)
        address = SmtpAddress("smtp://news:wrong@mail.council.example?connections=1")
        channel = SmtpChannel(address, email_from="news@council.example")
        async with asyncio.timeout(20):
            verdicts = [outcome.verdict async for _, outcome in each(channel, [Envelope(1, "r@x.example", b"Subject: Hello\r\n\r\n")])]
        await channel.close()
    assert verdicts == [Verdict.NOT_TRIED]
    assert (first.connections, second.connections) == (1, 0)
