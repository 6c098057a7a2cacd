"""The opening of the next message rides with the one before it; what becomes of both when something goes wrong."""

from __future__ import annotations

import asyncio

import pytest

from intouch.channels.outcomes import Envelope, Outcome, Verdict
from intouch.channels.smtp import SmtpChannel
from intouch.channels.smtp_opening import Patience
from intouch.smtp_address import SmtpAddress
from tests.channels.scripted_smtp import CLOSE, NONSENSE, RESET, STALL, ScriptedSmtp, serving
from tests.channels.sending import each, patience_with

MESSAGE = b"Subject: Hello\r\n\r\nHello\r\n"


async def send(server: ScriptedSmtp, batch: list[Envelope]) -> list[Outcome]:
    channel = SmtpChannel(SmtpAddress(server.url), email_from="In Touch <news@council.example>", patience=patience_with(server))
    found = dict([pair async for pair in each(channel, batch)])
    await channel.close()
    return [found[number] for number in range(len(batch))]


def five() -> list[Envelope]:
    return [Envelope(number, f"r{number}@x.example", MESSAGE, message_id=f"<{number}@x>") for number in range(5)]


async def test_the_next_opening_is_there_before_the_last_reply() -> None:
    async with serving(ScriptedSmtp({"final": [STALL]})) as server:
        sending = asyncio.create_task(send(server, five()))
        async with asyncio.timeout(20):
            await sending
    # The server never answered the first; the second is not lost with it, and nobody was sent anything twice.
    assert sorted(address for address, _ in server.taken) == [f"r{number}@x.example" for number in range(1, 5)]


@pytest.mark.parametrize("fault", [STALL, CLOSE, RESET, NONSENSE])
async def test_when_the_line_breaks_behind_the_dot_the_one_is_unknown_and_the_next_goes_out(fault: str) -> None:
    async with serving(ScriptedSmtp({"final": ["250 ok", fault]})) as server:
        verdicts = [outcome.verdict for outcome in await send(server, five())]
    assert verdicts == [Verdict.SENT, Verdict.UNKNOWN, Verdict.SENT, Verdict.SENT, Verdict.SENT]
    assert len(server.taken) == 4


@pytest.mark.parametrize("reply", ["550 5.1.1 no such user", "450 4.2.0 greylisted"])
async def test_a_refusal_reaches_the_recipient_it_is_about(reply: str) -> None:
    async with serving(ScriptedSmtp({"RCPT": ["250 ok", reply]})) as server:
        outcomes = await send(server, five())
    assert [outcome.verdict is Verdict.SENT for outcome in outcomes] == [True, False, True, True, True]
    assert sorted(address for address, _ in server.taken) == [f"r{number}@x.example" for number in (0, 2, 3, 4)]


async def test_a_refused_message_does_not_touch_the_one_that_was_begun_behind_it() -> None:
    async with serving(ScriptedSmtp({"final": ["554 5.7.1 spam"]})) as server:
        verdicts = [outcome.verdict for outcome in await send(server, five())]
    assert verdicts == [Verdict.FAILED, *[Verdict.SENT] * 4]


async def test_421_behind_the_dot_sends_the_rest_over_a_new_connection() -> None:
    async with serving(ScriptedSmtp({"final": ["421 4.3.2 closing"]})) as server:
        verdicts = [outcome.verdict for outcome in await send(server, five())]
    assert verdicts == [Verdict.RETRY, *[Verdict.SENT] * 4]
    assert server.connections == 2


async def test_what_was_begun_and_is_not_ours_any_more_is_taken_back_by_hanging_up() -> None:
    asked = {"second": 0}

    def is_ours() -> bool:
        asked["second"] += 1
        return asked["second"] == 1  # when its opening was written, and not when its turn came

    batch = five()
    batch[1] = Envelope(1, "r1@x.example", MESSAGE, is_ours=is_ours)
    async with serving(ScriptedSmtp()) as server:
        verdicts = [outcome.verdict for outcome in await send(server, batch)]
    assert verdicts == [Verdict.SENT, Verdict.NOT_TRIED, *[Verdict.SENT] * 3]
    assert "r1@x.example" not in [address for address, _ in server.taken]


async def test_a_server_that_throws_away_what_follows_the_dot_makes_us_wait_once() -> None:
    async with serving(ScriptedSmtp(is_deaf=True)) as server:
        batch = [Envelope(number, f"r{number}@x.example", MESSAGE) for number in range(20)]
        channel = SmtpChannel(SmtpAddress(server.url), email_from="In Touch <news@council.example>", patience=Patience(command=1.0))
        outcomes = dict([pair async for pair in each(channel, batch)])
        await channel.close()
    assert {outcome.verdict for outcome in outcomes.values()} == {Verdict.SENT}
    assert sorted(address for address, _ in server.taken) == sorted(one.address for one in batch)
    assert server.connections == 2


async def test_a_server_that_refuses_what_follows_the_dot_puts_nobody_off() -> None:
    async with serving(ScriptedSmtp(is_strict=True)) as server:
        batch = [Envelope(number, f"r{number}@x.example", MESSAGE) for number in range(20)]
        outcomes = await send(server, batch)
    assert {outcome.verdict for outcome in outcomes} == {Verdict.SENT}
    assert sorted(address for address, _ in server.taken) == sorted(one.address for one in batch)
    assert server.connections == 2


async def test_a_server_that_dies_of_what_follows_the_dot_gets_one_message_twice() -> None:
    """It has taken the message, and nobody hears of that: all of an edition went out four times."""
    async with serving(ScriptedSmtp(is_frail=True)) as server:
        batch = [Envelope(number, f"r{number}@x.example", MESSAGE) for number in range(20)]
        outcomes = await send(server, batch)
    assert [outcome.verdict for outcome in outcomes].count(Verdict.UNKNOWN) == 1
    assert [outcome.verdict for outcome in outcomes].count(Verdict.SENT) == 19
    assert server.connections == 2


@pytest.mark.parametrize("reply", ["552 5.3.4 too large", "550 5.7.1 not you"])
async def test_a_sender_who_is_refused_behind_the_dot_is_refused(reply: str) -> None:
    async with serving(ScriptedSmtp({"MAIL": ["250 ok", reply]})) as server:
        verdicts = [outcome.verdict for outcome in await send(server, five())]
    assert verdicts == [Verdict.SENT, Verdict.FAILED if "552" in reply else Verdict.RETRY, *[Verdict.SENT] * 3]
    assert server.connections == 1
