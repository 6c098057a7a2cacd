"""The fault matrix: what becomes of this recipient, and of the next, when the mail server fails at each stage."""

from __future__ import annotations

import pytest

from intouch.channels.outcomes import Envelope, Outcome, Verdict
from intouch.channels.smtp import SmtpChannel
from intouch.smtp_address import SmtpAddress
from tests.channels.scripted_smtp import CLOSE, NONSENSE, RESET, STALL, ScriptedSmtp, serving
from tests.channels.sending import each, patience_with

MESSAGE = b"Subject: Hello\r\n\r\nHello\r\n"


def channel_to(server: ScriptedSmtp) -> SmtpChannel:
    return SmtpChannel(SmtpAddress(server.url), email_from="In Touch <news@council.example>", patience=patience_with(server))


async def send(channel: SmtpChannel, *addresses: str) -> list[Outcome]:
    """One after the other over one connection, outcomes in that order."""
    envelopes = [Envelope(number, address, MESSAGE, message_id=f"<{number}@x>") for number, address in enumerate(addresses)]
    found = dict([pair async for pair in each(channel, envelopes)])
    return [found[number] for number in range(len(addresses))]


R, U, D, F, S = Verdict.RETRY, Verdict.UNKNOWN, Verdict.DEAD, Verdict.FAILED, Verdict.SENT

MATRIX = [
    ("MAIL", "450 4.3.0 later", R),
    ("MAIL", "550 5.7.1 sender not allowed", R),
    ("MAIL", "552 5.3.4 too big", F),
    ("MAIL", "421 4.3.2 closing", R),
    ("RCPT", "450 4.2.0 greylisted", R),
    ("RCPT", "550 5.1.1 no such user", D),
    ("RCPT", "550 no such user", D),
    ("RCPT", "551 user moved", D),
    ("RCPT", "553 bad mailbox", D),
    ("RCPT", "550 5.7.1 looks like spam", F),
    ("RCPT", "550 5.1.8 bad sender domain", R),
    ("RCPT", "550 relay not permitted", R),
    ("RCPT", "554 5.5.0 no", F),
    ("RCPT", "552 5.2.2 mailbox full", R),
    ("RCPT", "421 4.7.0 too many", R),
    ("DATA", "451 4.3.0 later", R),
    ("DATA", "554 5.6.0 no", F),
    ("DATA", "421 closing", R),
    ("DATA", "250 what?", R),
    ("final", "451 4.3.0 disk full", R),
    ("final", "554 5.7.1 spam", F),
    ("final", "421 closing", R),
    ("final", "354 more?", U),
    *[(stage, fault, R) for stage in ("MAIL", "RCPT", "DATA") for fault in (STALL, CLOSE, RESET, NONSENSE)],
    *[("final", fault, U) for fault in (STALL, CLOSE, RESET, NONSENSE)],
    ("body", CLOSE, U),
    ("body", RESET, U),
]


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "stepwise"])
async def test_a_server_that_knows_nobody_ends_few_addresses(pipelining: bool) -> None:
    """OpenSMTPD's words to whoever may not send to others by it; else an edition would end the address of every subscriber."""
    script = {"RCPT": [*["550 Invalid recipient"] * 8, "250 ok", "550 Invalid recipient"]}
    async with serving(ScriptedSmtp(script, pipelining=pipelining)) as server:
        channel = channel_to(server)
        outcomes = await send(channel, *(f"r{number}@x.example" for number in range(10)))
        await channel.close()
    assert [outcome.verdict for outcome in outcomes] == [D, D, D, D, D, R, R, R, S, D]
    assert outcomes[5].error == "RCPT: 550 Invalid recipient"


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "stepwise"])
@pytest.mark.parametrize(("stage", "fault", "verdict"), MATRIX)
async def test_a_fault_at_a_stage_concerns_this_recipient_and_not_the_next(
    stage: str, fault: str, verdict: Verdict, pipelining: bool
) -> None:
    async with serving(ScriptedSmtp({stage: [fault]}, pipelining=pipelining)) as server:
        channel = channel_to(server)
        this, following = await send(channel, "bob@x.example", "grace@x.example")
        await channel.close()
    assert this.verdict is verdict, this
    assert following.verdict is S, following
    assert server.taken[-1][0] == "grace@x.example"
    assert verdict is U or len(server.taken) == 1
    assert "@" not in this.error


@pytest.mark.parametrize("fault", ["554 no", "421 busy", STALL, CLOSE, RESET, NONSENSE])
@pytest.mark.parametrize("stage", ["greeting", "EHLO"])
async def test_when_no_connection_comes_about_nobody_was_tried(stage: str, fault: str) -> None:
    # A server that refuses EHLO is asked HELO, which this one does not know.
    async with serving(ScriptedSmtp({stage: [fault]})) as server:
        channel = channel_to(server)
        outcomes = await send(channel, "bob@x.example", "grace@x.example")
        assert {outcome.verdict for outcome in outcomes} == {Verdict.NOT_TRIED}
        assert all(outcome.after for outcome in outcomes)
        assert [outcome.verdict for outcome in await send(channel, "bob@x.example")] == [S]
        await channel.close()


async def test_a_port_where_nobody_listens_tries_nobody() -> None:
    async with serving(ScriptedSmtp()) as server:
        pass
    outcomes = await send(channel_to(server), "bob@x.example")
    assert outcomes[0].verdict is Verdict.NOT_TRIED


@pytest.mark.parametrize("pipelining", [True, False])
async def test_the_first_message_of_a_rested_connection_survives_that_the_server_hung_up(pipelining: bool) -> None:
    """The server closes with 421 when the second message begins: it goes out at once over a new connection."""
    async with serving(ScriptedSmtp({"MAIL": ["250 ok", "421 idle too long"]}, pipelining=pipelining)) as server:
        channel = channel_to(server)
        outcomes = await send(channel, "alice@x.example", "bob@x.example")
        await channel.close()
    assert [outcome.verdict for outcome in outcomes] == [S, S]
    assert server.connections == 2


@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_server_that_takes_so_many_messages_over_one_connection_is_given_the_rest_over_another(pipelining: bool) -> None:
    script = {"MAIL": ["250 ok", "452 4.5.3 Too many messages in this session"]}
    async with serving(ScriptedSmtp(script, pipelining=pipelining)) as server:
        channel = channel_to(server)
        outcomes = await send(channel, "alice@x.example", "bob@x.example", "grace@x.example")
        await channel.close()
    assert [outcome.verdict for outcome in outcomes] == [S, S, S]
    assert server.connections == 2


async def test_a_server_that_waits_less_long_than_we_must_gets_every_message_over_a_connection_of_its_own() -> None:
    async with serving(ScriptedSmtp(idle=0.1)) as server:
        # With a rate in the URL; the rest after a complaint is up to ten seconds, as long as Postfix waits under stress.
        address = SmtpAddress(f"{server.url}&rate=2.5")
        channel = SmtpChannel(address, email_from="In Touch <news@council.example>", patience=patience_with(server))
        outcomes = await send(channel, "alice@x.example", "bob@x.example", "grace@x.example")
        await channel.close()
    assert [outcome.verdict for outcome in outcomes] == [S, S, S]


@pytest.mark.parametrize(("stage", "verdict"), [("MAIL", R), ("final", U)])
async def test_what_waits_behind_a_server_that_hangs_is_given_back(stage: str, verdict: Verdict) -> None:
    async with serving(ScriptedSmtp({stage: [STALL] * 9})) as server:
        channel = channel_to(server)
        outcomes = await send(channel, *(f"r{number}@x.example" for number in range(9)))
        await channel.close()
    tried = 4 if stage == "final" else 3  # the opening of the fourth rode along with the third
    assert [outcome.verdict for outcome in outcomes] == [verdict] * tried + [Verdict.NOT_TRIED] * (9 - tried)
    assert outcomes[-1].after


async def test_a_server_that_takes_nothing_is_not_asked_over_ever_more_connections() -> None:
    async with serving(ScriptedSmtp({"MAIL": ["450 4.7.1 Error: too much mail from 192.0.2.10"] * 9})) as server:
        channel = channel_to(server)
        outcomes = await send(channel, *(f"r{number}@x.example" for number in range(5)))
        await channel.close()
    assert {outcome.verdict for outcome in outcomes} == {R}
    assert server.connections == 1


async def test_a_refused_recipient_whose_server_wants_the_message_anyway_gets_an_empty_one() -> None:
    async with serving(ScriptedSmtp({"RCPT": ["550 5.1.1 no"], "DATA": ["354 give it to me"]})) as server:
        channel = channel_to(server)
        this, following = await send(channel, "bob@x.example", "grace@x.example")
        await channel.close()
    assert (this.verdict, following.verdict) == (D, S)
    assert [address for address, _ in server.taken] == ["grace@x.example"]


async def test_a_refusal_stays_a_refusal_when_the_connection_breaks_behind_it() -> None:
    async with serving(ScriptedSmtp({"RCPT": ["550 5.1.1 no"], "DATA": [RESET]})) as server:
        channel = channel_to(server)
        outcomes = await send(channel, "bob@x.example", "grace@x.example")
        await channel.close()
    assert [outcome.verdict for outcome in outcomes] == [D, S]


async def test_a_server_that_hangs_at_quit_holds_nobody_up() -> None:
    async with serving(ScriptedSmtp({"QUIT": [STALL]})) as server:
        channel = channel_to(server)
        assert [outcome.verdict for outcome in await send(channel, "bob@x.example")] == [S]
        await channel.close()
