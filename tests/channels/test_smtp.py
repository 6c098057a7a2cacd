"""SMTP against a real server (aiosmtpd) on the loopback: plain, with TLS, with a password."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import UnthreadedController
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword, Session
from aiosmtpd.smtp import Envelope as Arrived

from intouch.channels.outcomes import Envelope, Outcome, Verdict
from intouch.channels.smtp import SmtpChannel, Wear
from intouch.channels.smtp_connection import stuffed
from intouch.channels.smtp_opening import Patience
from intouch.smtp_address import SmtpAddress
from tests.channels.scripted_smtp import ScriptedSmtp, serving
from tests.channels.sending import each

CERTIFICATE = Path(__file__).parent / "certificate"
SENDER = "In Touch <news@council.example>"


class Mailbox:
    """What arrived, and on how many connections."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.sessions: set[int] = set()

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Arrived) -> str:
        self.arrived.append(envelope)
        self.sessions.add(id(session))
        return "250 2.0.0 taken"


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def server_of(mailbox: Mailbox) -> AsyncIterator[Any]:
    import asyncio

    started: list[UnthreadedController] = []

    async def start(**options: Any) -> int:
        controller = UnthreadedController(
            mailbox, hostname="127.0.0.1", port=0, loop=asyncio.get_running_loop(), enable_SMTPUTF8=True, **options
        )
        controller.server = await controller._create_server()
        started.append(controller)
        return int(controller.server.sockets[0].getsockname()[1])

    yield start
    for controller in started:
        controller.server.close()
        await controller.server.wait_closed()


@pytest.fixture
def tls() -> Iterator[ssl.SSLContext]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE / "cert.pem", CERTIFICATE / "key.pem")
    return context


def channel(url: str, **options: Any) -> SmtpChannel:
    return SmtpChannel(SmtpAddress(url), email_from=SENDER, patience=Patience(connect=20, command=20, final=20), **options)


def envelopes(*addresses: str, message: bytes = b"Subject: Hello\r\n\r\nHello\r\n") -> list[Envelope]:
    return [Envelope(number, address, message, message_id=f"<{number}@x>") for number, address in enumerate(addresses)]


async def send(channel: SmtpChannel, batch: list[Envelope]) -> list[Outcome]:
    found = dict([pair async for pair in each(channel, batch)])
    return [found[envelope.number] for envelope in batch]


async def test_an_email_arrives_with_its_sender_recipient_and_message_id(server_of: Any, mailbox: Mailbox) -> None:
    sender = channel(f"smtp://127.0.0.1:{await server_of()}")
    outcomes = await send(sender, envelopes("grace@roker.example"))
    await sender.close()
    assert outcomes == [Outcome(Verdict.SENT)]
    assert (mailbox.arrived[0].mail_from, mailbox.arrived[0].rcpt_tos) == ("news@council.example", ["grace@roker.example"])


async def test_connections_are_kept_and_reused_up_to_their_number(server_of: Any, mailbox: Mailbox) -> None:
    sender = channel(f"smtp://127.0.0.1:{await server_of()}?connections=3")
    for _ in range(3):
        outcomes = await send(sender, envelopes(*(f"r{number}@x.example" for number in range(50))))
        assert {outcome.verdict for outcome in outcomes} == {Verdict.SENT}
    await sender.close()
    assert len(mailbox.arrived) == 150
    assert len(mailbox.sessions) <= 3


async def test_a_worn_connection_is_replaced() -> None:
    async with serving(ScriptedSmtp()) as server:
        sender = channel(server.url, wear=Wear(messages=10))
        await send(sender, envelopes(*(f"r{number}@x.example" for number in range(35))))
        await sender.close()
    assert (len(server.taken), server.connections) == (35, 4)


async def test_a_rested_connection_closes_itself_and_the_next_message_opens_another() -> None:
    async with serving(ScriptedSmtp()) as server:
        sender = channel(server.url, wear=Wear(idle=0.05))
        for number, address in enumerate(("alice@x.example", "bob@x.example"), 1):
            assert [outcome.verdict for outcome in await send(sender, envelopes(address))] == [Verdict.SENT]
            async with asyncio.timeout(20):
                while server.commands.count("QUIT") < number:
                    await asyncio.sleep(0.01)
        await sender.close()
    assert (server.commands.count("QUIT"), server.connections) == (2, 2)


@pytest.mark.parametrize("pipelining", [True, False])
async def test_three_commands_go_out_together_where_the_server_offers_it(pipelining: bool) -> None:
    async with serving(ScriptedSmtp(pipelining=pipelining)) as server:
        sender = channel(server.url)
        outcomes = await send(sender, envelopes("alice@x.example", "bob@x.example"))
        await sender.close()
    assert [outcome.verdict for outcome in outcomes] == [Verdict.SENT] * 2
    assert [address for address, _ in server.taken] == ["alice@x.example", "bob@x.example"]


async def test_starttls_is_used_when_asked_for(
    server_of: Any, mailbox: Mailbox, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE / "cert.pem"))
    sender = channel(f"smtp://localhost:{await server_of(tls_context=tls, require_starttls=True)}?starttls=1")
    outcomes = await send(sender, envelopes(*(f"r{number}@x.example" for number in range(20))))
    await sender.close()
    assert {outcome.verdict for outcome in outcomes} == {Verdict.SENT}
    assert len(mailbox.arrived) == 20


async def test_a_server_without_starttls_gets_nothing_when_it_was_asked_for(server_of: Any, mailbox: Mailbox) -> None:
    sender = channel(f"smtp://127.0.0.1:{await server_of()}?starttls=1")
    outcomes = await send(sender, envelopes("grace@x.example"))
    await sender.close()
    assert outcomes[0].verdict is Verdict.NOT_TRIED
    assert not mailbox.arrived


async def test_a_certificate_that_nobody_vouches_for_is_refused(server_of: Any, mailbox: Mailbox, tls: ssl.SSLContext) -> None:
    port = await server_of(tls_context=tls)
    sender = channel(f"smtp://127.0.0.1:{port}?starttls=1")
    outcomes = await send(sender, envelopes("grace@x.example"))
    await sender.close()
    assert outcomes[0].verdict is Verdict.NOT_TRIED
    unchecked = channel(f"smtp://127.0.0.1:{port}?starttls=1&verify=0")
    assert [outcome.verdict for outcome in await send(unchecked, envelopes("grace@x.example"))] == [Verdict.SENT]
    await unchecked.close()


async def test_tls_from_the_start(server_of: Any, mailbox: Mailbox, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE / "cert.pem"))
    sender = channel(f"smtps://localhost:{await server_of(ssl_context=tls)}")
    big = b"Subject: Big\r\n\r\n" + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 10_000
    outcomes = await send(sender, envelopes("grace@x.example", "bob@x.example", message=big))
    await sender.close()
    assert [outcome.verdict for outcome in outcomes] == [Verdict.SENT] * 2


@pytest.mark.parametrize(("password", "verdict"), [("s%C3%A9cret", Verdict.SENT), ("wrong", Verdict.NOT_TRIED)])
async def test_the_password_of_the_url_is_given_and_never_told(
    server_of: Any, tls: ssl.SSLContext, password: str, verdict: Verdict
) -> None:
    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=data.password == "sécret".encode(), handled=False)

    port = await server_of(tls_context=tls, require_starttls=True, auth_required=True, authenticator=check)
    sender = channel(f"smtp://olive:{password}@localhost:{port}?starttls=1&verify=0")
    outcomes = await send(sender, envelopes("grace@x.example"))
    await sender.close()
    assert outcomes[0].verdict is verdict
    assert "wrong" not in outcomes[0].error and "olive" not in outcomes[0].error


async def test_dots_and_bare_line_ends_arrive_as_they_were_meant(server_of: Any, mailbox: Mailbox) -> None:
    message = b".first\r\n..two\r\n.\r\nbare\nline\rends\r\n.\r\nRCPT TO:<mallory@x.example>\r\n"
    sender = channel(f"smtp://127.0.0.1:{await server_of()}")
    await send(sender, envelopes("grace@x.example", message=message))
    await sender.close()
    arrived = mailbox.arrived[0].content
    assert arrived == b".first\r\n..two\r\n.\r\nbare\r\nline\r\nends\r\n.\r\nRCPT TO:<mallory@x.example>\r\n"
    assert b"".join(stuffed(b"")) == b"\r\n.\r\n"


@pytest.mark.parametrize("address", ["grace@x.example\r\nRCPT TO:<mallory@x.example>", "a b@x.example", "<>", "nobody", "a@", "@b"])
async def test_an_address_that_would_break_out_is_refused_before_a_word_is_said(address: str) -> None:
    async with serving(ScriptedSmtp()) as server:
        sender = channel(server.url)
        outcomes = await send(sender, envelopes(address))
        await sender.close()
    assert outcomes[0].verdict is Verdict.FAILED
    assert not [command for command in server.commands if command.startswith("MAIL")]


async def test_an_address_beyond_ascii_needs_a_server_that_takes_it(server_of: Any, mailbox: Mailbox) -> None:
    modern = channel(f"smtp://127.0.0.1:{await server_of()}")
    outcomes = await send(modern, envelopes("grâce@roker.example", "grace@münchen.example"))
    await modern.close()
    assert [outcome.verdict for outcome in outcomes] == [Verdict.SENT] * 2
    assert {envelope.rcpt_tos[0] for envelope in mailbox.arrived} == {"grâce@roker.example", "grace@xn--mnchen-3ya.example"}
    async with serving(ScriptedSmtp()) as server:
        old = channel(server.url)
        outcomes = await send(old, envelopes("grâce@roker.example", "grace@münchen.example"))
        await old.close()
    assert [outcome.verdict for outcome in outcomes] == [Verdict.FAILED, Verdict.SENT]


async def test_a_message_larger_than_the_server_takes_is_not_even_offered() -> None:
    async with serving(ScriptedSmtp(extensions=("SIZE 100",))) as server:
        sender = channel(server.url)
        outcomes = await send(sender, envelopes("grace@x.example", message=b"x" * 200))
        outcomes += await send(sender, envelopes("grace@x.example", message=b"x" * 50))
        await sender.close()
    assert [outcome.verdict for outcome in outcomes] == [Verdict.FAILED, Verdict.SENT]
    assert "MAIL FROM:<news@council.example> SIZE=50" in server.commands


async def test_replies_and_notices_overtake_bulk_that_waits() -> None:
    async with serving(ScriptedSmtp()) as server:
        sender = channel(server.url)
        bulk = [Envelope(number, f"bulk{number}@x.example", b"x", rank=2) for number in range(30)]
        notice = [Envelope(99, "notice@x.example", b"x", rank=1)]
        first = each(sender, bulk)
        await anext(first)
        await send(sender, notice)
        assert [address for address, _ in server.taken].index("notice@x.example") < 20
        async for _ in first:
            pass
        await sender.close()


async def test_halt_finishes_what_is_under_way_and_gives_the_rest_back() -> None:
    async with serving(ScriptedSmtp()) as server:
        sender = channel(server.url)
        batch = each(sender, envelopes(*(f"r{number}@x.example" for number in range(200))))
        first = await anext(batch)
        sender.halt()
        verdicts = [first[1].verdict, *[outcome.verdict async for _, outcome in batch]]
        await sender.close()
    assert len(verdicts) == 200
    assert set(verdicts) == {Verdict.SENT, Verdict.NOT_TRIED}
    assert verdicts.count(Verdict.SENT) == len(server.taken) < 200


async def test_what_another_process_has_taken_over_is_not_sent() -> None:
    async with serving(ScriptedSmtp()) as server:
        sender = channel(server.url)
        outcomes = await send(sender, [Envelope(1, "grace@x.example", b"x", is_ours=lambda: False)])
        await sender.close()
    assert outcomes[0].verdict is Verdict.NOT_TRIED
    assert not server.taken


async def test_what_may_not_begin_is_not_sent() -> None:
    async def never() -> bool:
        return False

    async with serving(ScriptedSmtp()) as server:
        sender = channel(server.url)
        outcomes = await send(sender, [Envelope(number, f"r{number}@x.example", b"x", begin=never) for number in range(20)])
        await sender.close()
    assert {outcome.verdict for outcome in outcomes} == {Verdict.NOT_TRIED}
    assert not server.taken


async def test_a_rate_in_the_url_is_kept() -> None:
    import time

    async with serving(ScriptedSmtp()) as server:
        sender = channel(server.url.replace("connections=1", "connections=4&rate=50"))
        began = time.monotonic()
        await send(sender, envelopes(*(f"r{number}@x.example" for number in range(15))))
        await sender.close()
    assert time.monotonic() - began >= 14 / 50


async def test_what_is_paused_takes_no_place_in_a_slow_rate_from_what_is_not() -> None:
    is_paused = False
    async with serving(ScriptedSmtp()) as server:
        sender = channel(server.url.replace("connections=1", "connections=2&rate=2"))
        paused = [
            Envelope(number, f"r{number}@x.example", b"Subject: Hello\r\n\r\n", is_ours=lambda: not is_paused) for number in range(40)
        ]
        sending = asyncio.create_task(send(sender, paused))
        while not server.taken:
            await asyncio.sleep(0.01)
        is_paused = True
        async with asyncio.timeout(8):
            assert [one.verdict for one in await send(sender, envelopes("other@x.example"))] == [Verdict.SENT]
            assert Verdict.NOT_TRIED in {outcome.verdict for outcome in await sending}
        await sender.close()


async def test_who_waits_for_a_slow_rate_is_let_go_when_we_stop() -> None:
    async with serving(ScriptedSmtp()) as server:
        sender = channel(server.url.replace("connections=1", "connections=3&rate=0.01"))
        sending = asyncio.create_task(send(sender, envelopes(*(f"r{number}@x.example" for number in range(5)))))
        while not server.taken:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)  # the others wait for their places
        sender.halt()
        async with asyncio.timeout(20):
            verdicts = [outcome.verdict for outcome in await sending]
        await sender.close()
    assert sorted(verdicts) == sorted([Verdict.SENT] + [Verdict.NOT_TRIED] * 4)
    assert len(server.taken) == 1


@pytest.mark.parametrize("first", ["refuses", "swallows"])
async def test_a_host_with_an_address_that_leads_nowhere_is_reached_at_the_next(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as an IPv6 that the network drops: a socket with a full queue answers as little as that."""
    async with serving(ScriptedSmtp()) as server:
        with socket.socket() as nowhere, contextlib.ExitStack() as queue:
            nowhere.bind(("127.0.0.1", 0))
            places = [nowhere.getsockname(), ("127.0.0.1", server.port)]
            if first == "swallows":
                nowhere.listen(0)
                for _ in range(3):
                    waiting = queue.enter_context(socket.socket())
                    waiting.setblocking(False)
                    waiting.connect_ex(places[0])
            two = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: two)
            sender = channel(f"smtp://mx.example:{server.port}")
            async with asyncio.timeout(20):
                outcomes = [outcome async for _, outcome in each(sender, envelopes("grace@x.example"))]
            await sender.close()
    assert [outcome.verdict for outcome in outcomes] == [Verdict.SENT]
