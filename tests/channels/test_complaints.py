"""A mail server that takes so many emails a second and refuses the rest: it is asked for no more than that, and hears of us at once."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import pytest

from intouch.channels.outcomes import Envelope, Verdict
from intouch.channels.smtp import SmtpChannel
from intouch.smtp_address import SmtpAddress
from tests.channels.scripted_smtp import ScriptedSmtp, serving
from tests.channels.sending import each, patience_with

MESSAGE = b"Subject: Hello\r\n\r\nHello\r\n"
A_SECOND = 20


@dataclass
class Counting(ScriptedSmtp):
    """Takes ``A_SECOND`` messages in any second and refuses the others as it is told to."""

    refusal: str = ""
    times: list[float] = field(default_factory=list)

    async def _say(self, stage: str, otherwise: str, writer: asyncio.StreamWriter) -> bool:
        if stage == "MAIL":
            now = time.monotonic()
            self.times = [at for at in self.times if now - at < 1]
            if len(self.times) >= A_SECOND:
                otherwise = self.refusal
            else:
                self.times.append(now)
        return await super()._say(stage, otherwise, writer)


def channel_to(server: ScriptedSmtp, connections: int) -> SmtpChannel:
    address = SmtpAddress(server.url.replace("connections=1", f"connections={connections}"))
    return SmtpChannel(address, email_from="In Touch <news@council.example>", patience=patience_with(server))


@pytest.mark.parametrize("refusal", ["450 4.7.1 Error: too much mail", "421 4.7.0 slow down", "452 4.3.1 busy"])
async def test_a_server_that_takes_so_many_a_second_refuses_few(refusal: str) -> None:
    async with serving(Counting(refusal=refusal)) as server:
        channel = channel_to(server, 4)
        batch = [Envelope(number, f"r{number}@x.example", MESSAGE) for number in range(3 * A_SECOND)]
        verdicts = [outcome.verdict async for _, outcome in each(channel, batch)]
        await channel.close()
    assert set(verdicts) == {Verdict.SENT, Verdict.RETRY}
    assert verdicts.count(Verdict.SENT) == len(server.taken) > 2 * A_SECOND


@dataclass
class Narrow(ScriptedSmtp):
    """Takes two connections at a time and needs a moment to welcome each."""

    here: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.here += 1
        try:
            if self.here > 2:
                writer.write(b"421 4.7.0 too many connections\r\n")
                writer.close()
            else:
                await asyncio.sleep(0.05)
                await super().handle(reader, writer)
        finally:
            self.here -= 1


async def test_a_server_that_wants_fewer_connections_takes_all_over_those_that_it_has() -> None:
    async with serving(Narrow()) as server:
        channel = channel_to(server, 8)
        batch = [Envelope(number, f"r{number}@x.example", MESSAGE) for number in range(40)]
        verdicts = [outcome.verdict async for _, outcome in each(channel, batch)]
        await channel.close()
    assert set(verdicts) == {Verdict.SENT}
    assert server.connections == 2


@dataclass
class Short(ScriptedSmtp):
    """Takes so many messages over each connection, then says so and hangs up, as Exim does (smtp_accept_max_per_connection)."""

    most: int = 5
    here: int = 0
    seen: list[int] = field(default_factory=list)  # how many connections there were when each was welcomed

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.here += 1
        one = ScriptedSmtp({"MAIL": [*["250 ok"] * self.most, "421 mx.example: too many messages in this connection"]})
        one.taken = self.taken
        try:
            await asyncio.sleep(0.02)
            self.seen.append(self.here)
            await one.handle(reader, writer)
        finally:
            self.here -= 1


async def test_a_server_that_takes_so_many_messages_over_a_connection_is_asked_for_no_fewer_connections() -> None:
    async with serving(Short()) as server:
        channel = channel_to(server, 4)
        batch = [Envelope(number, f"r{number}@x.example", MESSAGE) for number in range(100)]
        verdicts = [outcome.verdict async for _, outcome in each(channel, batch)]
        await channel.close()
    assert verdicts == [Verdict.SENT] * 100 and len(server.taken) == 100
    assert max(server.seen[-8:]) == 4


@dataclass
class Touchy(ScriptedSmtp):
    """Hangs up at the tenth error on a connection that has brought no message since, as Postfix does at the twentieth."""

    errors: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.errors = 0
        await super().handle(reader, writer)

    async def _say(self, stage: str, otherwise: str, writer: asyncio.StreamWriter) -> bool:
        if self.errors >= 10:
            otherwise, self.script = "421 4.7.0 Error: too many errors", {}
        is_good = await super()._say(stage, otherwise, writer)
        self.errors = 0 if stage == "final" and is_good else self.errors + (not is_good)
        return is_good


async def test_a_server_that_counts_errors_hears_few_over_each_connection() -> None:
    """Else whoever is on a greylist, of whom each is two errors, would have it hang up on all others."""
    script = {"RCPT": [*["450 4.2.0 Greylisted"] * 3, "250 ok", *["450 4.2.0 Greylisted"] * 16]}
    async with serving(Touchy(script)) as server:
        channel = channel_to(server, 1)
        batch = [Envelope(number, f"r{number}@x.example", MESSAGE) for number in range(24)]
        outcomes = [outcome async for _, outcome in each(channel, batch)]
        await channel.close()
    assert [outcome.verdict for outcome in outcomes].count(Verdict.SENT) == 5
    assert {outcome.error for outcome in outcomes} == {"", "RCPT: 450 4.2.0 Greylisted"}
    assert server.connections == 5


async def test_who_rests_behind_a_complaint_is_let_go_when_we_stop() -> None:
    script = {"MAIL": ["250 ok", *["451 4.3.2 later"] * 9]}
    async with serving(ScriptedSmtp(script)) as server:
        channel = channel_to(server, 1)
        batch = each(channel, [Envelope(number, f"r{number}@x.example", MESSAGE) for number in range(20)])
        verdicts = [(await anext(batch))[1].verdict for _ in range(5)]  # by now the moment is one of 0.8 seconds
        channel.halt()
        began = time.monotonic()
        verdicts += [outcome.verdict async for _, outcome in batch]
        assert time.monotonic() - began < 0.5
        await channel.close()
    assert verdicts.count(Verdict.NOT_TRIED) == 15
