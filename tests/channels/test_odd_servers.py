"""Mail servers that say what no mail server should: nobody is lost, nobody gets what is not theirs, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from intouch.channels import smtp_opening
from intouch.channels.outcomes import Envelope, Outcome, Verdict
from intouch.channels.smtp import SmtpChannel
from intouch.smtp_address import SmtpAddress
from tests.channels.scripted_smtp import ScriptedSmtp, serving
from tests.channels.sending import each, patience_with

MESSAGE = b"Subject: Hello\r\n\r\nHello\r\n"


async def send(server: ScriptedSmtp, *addresses: str) -> list[Outcome]:
    channel = SmtpChannel(SmtpAddress(server.url), email_from="In Touch <news@council.example>", patience=patience_with(server))
    envelopes = [Envelope(number, address, MESSAGE) for number, address in enumerate(addresses)]
    async with asyncio.timeout(20):
        found = dict([pair async for pair in each(channel, envelopes)])
    await channel.close()
    return [found[number] for number in range(len(addresses))]


@pytest.mark.parametrize("size", ["²", "9" * 5000])
async def test_a_size_that_is_no_number_is_no_limit(size: str) -> None:
    async with serving(ScriptedSmtp(extensions=(f"SIZE {size}",))) as server:
        outcomes = await send(server, "bob@x.example", "grace@x.example")
    assert [outcome.verdict for outcome in outcomes] == [Verdict.SENT, Verdict.SENT]


async def test_a_fault_of_ours_while_connecting_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stumble(*_: Any) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(smtp_opening, "meet", stumble)
    async with serving(ScriptedSmtp()) as server:
        outcomes = await send(server, "bob@x.example", "grace@x.example")
    assert [(outcome.verdict, outcome.after) for outcome in outcomes] == [(Verdict.NOT_TRIED, 1.0)] * 2


async def test_an_address_that_cannot_be_written_in_bytes_fails_alone() -> None:
    async with serving(ScriptedSmtp(extensions=("SMTPUTF8",))) as server:
        outcomes = await send(server, "bob@x.example", "grace@x.example", "ali\udc80@x.example", "heidi@x.example")
    assert [outcome.verdict for outcome in outcomes] == [Verdict.SENT, Verdict.SENT, Verdict.FAILED, Verdict.SENT]
