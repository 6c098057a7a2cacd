"""Reports over LMTP and SMTP, through a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from intouch.bounces import reading
from intouch.bounces.intake import Intake
from intouch.bounces.listener import Listener, ListenerPortTaken
from intouch.runtime import Runtime
from tests.bounces.mailing import PATHS, gets, intake_of, is_dead, send, sign_up
from tests.bounces.reports import ARF, EXIM, POSTFIX, QMAIL, written
from tests.faults import failing


@asynccontextmanager
async def listening(intake: Intake, scheme: str) -> AsyncIterator[int]:
    listener = Listener(intake, f"{scheme}://127.0.0.1:0")
    port = await listener.open()
    task = asyncio.create_task(listener.run())
    try:
        yield port
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def bring(scheme: str, port: int, message: bytes, to: str, *more: str) -> tuple[int, bytes] | dict[str, tuple[int, bytes]]:
    """Bring a report as a mail server does; what was refused, if anything."""

    def work() -> Any:
        client = smtplib.LMTP if scheme == "lmtp" else smtplib.SMTP
        with client("127.0.0.1", port) as server:
            try:
                return server.sendmail("", [to, *more], message)
            except smtplib.SMTPRecipientsRefused as error:
                return error.recipients
            except smtplib.SMTPResponseException as error:
                return error.smtp_code, error.smtp_error

    return await asyncio.to_thread(work)


@pytest.mark.parametrize("scheme", ["lmtp", "smtp"])
async def test_a_report_stops_the_address_and_a_repeat_changes_nothing(runtime: Runtime, scheme: str) -> None:
    alice = await sign_up(runtime)
    path = PATHS.of(await send(runtime, alice))
    intake = intake_of(runtime)
    async with listening(intake, scheme) as port:
        for shape in (POSTFIX, POSTFIX, QMAIL, EXIM):
            assert await bring(scheme, port, written(shape, path=path), path) == {}
    assert await is_dead(runtime)
    assert intake.counts == {"hard": 1, "known": 3}


async def test_a_feedback_loop_reports_to_the_plain_address(runtime: Runtime) -> None:
    alice = await sign_up(runtime)
    path = PATHS.of(await send(runtime, alice))
    async with listening(intake_of(runtime), "smtp") as port:
        assert await bring("smtp", port, written(ARF, path=path), "bounce@mail.council.example") == {}
    assert await gets(runtime, alice) == {"surveys/telegram"}


async def test_what_is_forged_or_for_somebody_else_is_refused_at_the_door(runtime: Runtime) -> None:
    alice = await sign_up(runtime)
    path = PATHS.of(await send(runtime, alice))
    async with listening(intake_of(runtime), "smtp") as port:
        for forged in (path.replace(".", ".a", 1), "bounce+1.aaaaaaaaaaaaaaaa@mail.council.example", "mayor@council.example"):
            refused = await bring("smtp", port, written(POSTFIX, path=path), forged)
            assert isinstance(refused, dict) and refused[forged][0] == 550
        forged_inside = written(POSTFIX, path="bounce+1.aaaaaaaaaaaaaaaa@mail.council.example")
        assert await bring("smtp", port, forged_inside, "bounce@mail.council.example") == {}
    assert not await is_dead(runtime)


@pytest.mark.parametrize("scheme", ["lmtp", "smtp"])
async def test_a_report_to_several_recipients_is_heard_for_each_and_lmtp_is_answered_for_each(runtime: Runtime, scheme: str) -> None:
    alice = await sign_up(runtime)
    numbers = [await send(runtime, alice, key=f"digest:{number}", address=f"{number}@example.org") for number in range(3)]
    intake = intake_of(runtime)
    envelope = "".join(f"RCPT TO:<{PATHS.of(number)}>\r\n" for number in numbers)
    hello = "LHLO" if scheme == "lmtp" else "EHLO"
    transaction = f"MAIL FROM:<>\r\n{envelope}DATA\r\n".encode() + written(POSTFIX, path=PATHS.of(numbers[0])) + b"\r\n.\r\n"
    fault = failing(OSError("disk full"), when=lambda said, given: "deliveries" in said and numbers[1] in given, times=1)
    async with listening(intake, scheme) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{hello} relay.example\r\n".encode() + transaction * 2 + b"QUIT\r\n")
        with fault:
            answers = [line.decode()[:3] for line in (await reader.read()).splitlines()]
        writer.close()
    final = [answers[at + 1 : at + (4 if scheme == "lmtp" else 2)] for at, answer in enumerate(answers) if answer == "354"]
    assert final == ([["250", "451", "250"], ["250"] * 3] if scheme == "lmtp" else [["451"], ["250"]])
    assert [await is_dead(runtime, f"{number}@example.org") for number in range(3)] == [True] * 3
    assert intake.counts == {"hard": 3, "known": 2}


async def test_a_huge_message_is_refused_for_each_recipient_of_lmtp(runtime: Runtime) -> None:
    alice = await sign_up(runtime)
    path = PATHS.of(await send(runtime, alice))
    async with listening(intake_of(runtime), "lmtp") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{path}>\r\nRCPT TO:<{path}>\r\nDATA\r\n".encode())
        writer.write(b"x" * 70 + b"\r\n" * (reading.MOST_BYTES // 2) + b".\r\nQUIT\r\n")
        answers = (await reader.read()).splitlines()
        writer.close()
    assert [line[:3] for line in answers[-4:]] == [b"354", b"552", b"552", b"221"]


async def test_more_recipients_than_a_mail_server_may_bring_come_another_time(runtime: Runtime) -> None:
    alice = await sign_up(runtime)
    path = PATHS.of(await send(runtime, alice))
    async with listening(intake_of(runtime), "lmtp") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"LHLO x\r\nMAIL FROM:<>\r\n" + f"RCPT TO:<{path}>\r\n".encode() * 101 + b"QUIT\r\n")
        answers = (await reader.read()).splitlines()
        writer.close()
    assert [line[:3] for line in answers[-102:]] == [b"250"] * 100 + [b"452", b"221"]


async def test_a_huge_message_is_refused(runtime: Runtime) -> None:
    alice = await sign_up(runtime)
    path = PATHS.of(await send(runtime, alice))
    async with listening(intake_of(runtime), "smtp") as port:
        refused = await bring("smtp", port, written(POSTFIX, path=path) + b"x" * 70 + b"\r\n" * (reading.MOST_BYTES // 2), path)
    assert isinstance(refused, tuple) and refused[0] == 552
    assert not await is_dead(runtime)


@pytest.mark.parametrize("scheme", ["lmtp", "smtp"])
@pytest.mark.parametrize("ending", [b"\r\n", b"\n"])
async def test_a_report_that_quotes_a_long_line_or_ends_its_lines_in_half_is_taken(runtime: Runtime, scheme: str, ending: bytes) -> None:
    alice = await sign_up(runtime)
    path = PATHS.of(await send(runtime, alice))
    message = written(POSTFIX, path=path).replace(b"Hello.", b"<td>" + b"x" * 200_000).replace(b"\r\n", ending)
    async with listening(intake_of(runtime), scheme) as port:
        # smtplib's sendmail would mend the endings.
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        hello = "LHLO" if scheme == "lmtp" else "EHLO"
        writer.write(f"{hello} relay.example\r\nMAIL FROM:<>\r\nRCPT TO:<{path}>\r\nDATA\r\n".encode() + message + b"\r\n.\r\nQUIT\r\n")
        answers = await reader.read()
        writer.close()
    assert b"\r\n250 2.0.0 Taken\r\n" in answers
    assert await is_dead(runtime)


async def test_rubbish_is_taken_and_forgotten(runtime: Runtime) -> None:
    alice = await sign_up(runtime)
    path = PATHS.of(await send(runtime, alice))
    intake = intake_of(runtime)
    async with listening(intake, "smtp") as port:
        for rubbish in (b"\xff\xfe\x00", b"", b"Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\n", b"hello\r\n"):
            assert await bring("smtp", port, rubbish, path) == {}
    assert intake.counts == {"ignored": 4}
    assert not await is_dead(runtime)


async def test_while_the_database_is_away_the_mail_server_keeps_the_report(runtime: Runtime) -> None:
    alice = await sign_up(runtime)
    path = PATHS.of(await send(runtime, alice))
    async with listening(intake_of(runtime), "lmtp") as port:
        with failing(OSError("disk full"), when=lambda *_: True):
            refused = await bring("lmtp", port, written(POSTFIX, path=path), path)
        assert isinstance(refused, tuple) and refused[0] == 451
        assert await bring("lmtp", port, written(POSTFIX, path=path), path) == {}
    assert await is_dead(runtime)


async def test_a_taken_port_is_told_in_a_sentence(sqlite_url: str) -> None:
    async with listening(Intake(None, None, None, PATHS), "smtp") as port:  # type: ignore[arg-type]
        with pytest.raises(ListenerPortTaken, match="INTOUCH_BOUNCE_LISTEN"):
            await Listener(Intake(None, None, None, PATHS), f"smtp://127.0.0.1:{port}").open()  # type: ignore[arg-type]
