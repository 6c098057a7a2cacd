"""Mail servers that say what no mail server should: nobody is lost, nobody gets what is not theirs, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field
from typing import Any

import pytest

from intouch.channels.outcomes import Envelope, Outcome, Verdict, sent
from intouch.channels.smtp import SmtpChannel
from intouch.smtp_address import SmtpAddress
from tests.channels.scripted_smtp import ScriptedSmtp, serving
from tests.channels.sending import each, patience_with

MESSAGE = b"Subject: Hello\r\n\r\nHello\r\n"


@dataclass
class Curt(ScriptedSmtp):
    """Hangs up as soon as it has said what it offers."""

    async def _say(self, stage: str, otherwise: str, writer: asyncio.StreamWriter) -> bool:
        is_good = await super()._say(stage, otherwise, writer)
        if stage == "EHLO":
            raise ConnectionError
        return is_good


@dataclass
class Leaving(ScriptedSmtp):
    """Hangs up on the second message instead of reading it."""

    messages: int = 0

    async def _body(self, recipient: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.messages += 1
        if self.messages == 2:
            raise ConnectionError
        await super()._body(recipient, reader, writer)


@dataclass
class Talkative(ScriptedSmtp):
    """Goes on saying that all is well once it has taken a message, until nobody listens any more."""

    is_stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def _body(self, recipient: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await super()._body(recipient, reader, writer)
        try:
            while True:
                writer.write(b"250 and another thing\r\n" * 100)
                await writer.drain()
        finally:
            self.is_stopped.set()


def channel_to(server: ScriptedSmtp) -> SmtpChannel:
    return SmtpChannel(SmtpAddress(server.url), email_from="In Touch <news@council.example>", patience=patience_with(server))


async def send(server: ScriptedSmtp, *addresses: str, **more: Any) -> list[Outcome]:
    channel = channel_to(server)
    envelopes = [Envelope(number, address, MESSAGE, **more) for number, address in enumerate(addresses)]
    async with asyncio.timeout(20):
        found = dict([pair async for pair in each(channel, envelopes)])
    await channel.close()
    return [found[number] for number in range(len(addresses))]


@pytest.mark.parametrize("size", ["²", "9" * 5000])
async def test_a_size_that_is_no_number_is_no_limit(size: str) -> None:
    async with serving(ScriptedSmtp(extensions=(f"SIZE {size}",))) as server:
        outcomes = await send(server, "bob@x.example", "grace@x.example")
    assert [outcome.verdict for outcome in outcomes] == [Verdict.SENT, Verdict.SENT]


async def test_a_fault_while_connecting_that_nobody_foresaw_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: Any, **__: Any) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(socket, "getaddrinfo", stumble)
    async with serving(ScriptedSmtp()) as server:
        outcomes = await send(server, "bob@x.example", "grace@x.example")
    assert [(outcome.verdict, outcome.after) for outcome in outcomes] == [(Verdict.NOT_TRIED, 1.0)] * 2


async def test_an_address_that_cannot_be_written_in_bytes_fails_alone() -> None:
    async with serving(ScriptedSmtp(extensions=("SMTPUTF8",))) as server:
        outcomes = await send(server, "bob@x.example", "grace@x.example", "ali\udc80@x.example", "heidi@x.example")
    assert [outcome.verdict for outcome in outcomes] == [Verdict.SENT, Verdict.SENT, Verdict.FAILED, Verdict.SENT]


@pytest.mark.parametrize("pipelining", [True, False])
async def test_an_answer_to_a_message_that_was_not_sent_yet_is_believed_by_nobody(pipelining: bool) -> None:
    """A reply too many: the message would have counted as taken before the server had seen it."""
    script = {"DATA": ["354 go on\r\n250 2.0.0 taken"]}
    async with serving(ScriptedSmtp(script, pipelining=pipelining)) as server:
        this, following = await send(server, "bob@x.example", "grace@x.example")
    assert (this.verdict, following.verdict) == (Verdict.RETRY, Verdict.SENT)
    assert [address for address, _ in server.taken] == ["grace@x.example"]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("word", "verdict"), [("hello?", Verdict.RETRY), ("421 4.3.2 closing", Verdict.RETRY), ("554 5.7.1 no", Verdict.FAILED)]
)
async def test_a_message_is_not_sent_after_all_to_a_server_that_will_not_have_it(word: str, verdict: Verdict, pipelining: bool) -> None:
    """So that nobody has to wonder whether it arrived."""
    async with serving(ScriptedSmtp({"DATA": [f"354 go on\r\n{word}"]}, pipelining=pipelining)) as server:
        this, following = await send(server, "bob@x.example", "grace@x.example")
    assert (this.verdict, following.verdict) == (verdict, Verdict.SENT)
    assert [address for address, _ in server.taken] == ["grace@x.example"]


async def test_a_message_whose_connection_was_closed_before_its_turn_has_certainly_not_arrived() -> None:
    """The second message, whose opening the server has answered, waits for room to write down what comes of it."""

    async def wait() -> bool:
        await asyncio.sleep(0.2)
        return True

    async with serving(Leaving()) as server:
        outcomes = await send(server, *(f"r{number}@x.example" for number in range(4)), begin=wait)
    assert [outcome.verdict for outcome in outcomes] == [Verdict.SENT, Verdict.RETRY, Verdict.SENT, Verdict.SENT]


async def test_who_was_accepted_after_the_sender_was_refused_gets_no_empty_message() -> None:
    script = {"MAIL": ["550 5.7.1 not you"], "RCPT": ["250 ok"], "DATA": ["354 go on"]}
    async with serving(ScriptedSmtp(script)) as server:
        this, following = await send(server, "bob@x.example", "grace@x.example")
    assert (this.verdict, following.verdict) == (Verdict.RETRY, Verdict.SENT)
    assert [address for address, _ in server.taken] == ["grace@x.example"]


async def test_a_server_that_hangs_up_right_after_its_welcome_has_refused_nobody() -> None:
    async with serving(Curt()) as server:
        outcomes = await send(server, "bob@x.example", "grace@x.example")
    assert [(outcome.verdict, outcome.after) for outcome in outcomes] == [(Verdict.NOT_TRIED, 1.0)] * 2


async def test_a_server_that_talks_without_end_is_hung_up_on() -> None:
    async with serving(Talkative()) as server:
        channel = channel_to(server)
        assert [outcome async for _, outcome in each(channel, [Envelope(1, "bob@x.example", MESSAGE)])] == [sent()]
        async with asyncio.timeout(5):
            await server.is_stopped.wait()
        await channel.close()
