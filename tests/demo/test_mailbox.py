"""The demo's mailbox: it keeps emails as a mail program shows them, and fails on request."""

import asyncio
import smtplib
import time
from collections.abc import AsyncIterator
from email.message import EmailMessage

import aiosmtplib
import pytest

from intouch.demo.mailbox import Mailbox, mailbox


def letter(subject: str = "Your ward this week") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "In Touch <intouch@council.example>"
    message["To"] = "grace@residents.example"
    message["Subject"] = subject
    message["Message-ID"] = "<1@council.example>"
    message.set_content("Hello Grace, café\n.a line with a dot\n")
    message.add_alternative("<p>Hello <b>Grace</b>, café</p>", subtype="html")
    message.add_attachment(b"%PDF-1", maintype="application", subtype="pdf", filename="plan.pdf")
    return message


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with mailbox() as opened:
        yield opened


async def _send(box: Mailbox, message: EmailMessage | None = None, **options: object) -> None:
    await aiosmtplib.send(message or letter(), hostname="127.0.0.1", port=box.port, start_tls=False, **options)  # type: ignore[arg-type]


async def test_an_email_is_kept_as_a_mail_program_shows_it(box: Mailbox) -> None:
    await _send(box)
    mail = await box.wait_for(to="Grace@residents.example", subject="ward")
    assert (mail.subject, mail.message_id) == ("Your ward this week", "<1@council.example>")
    assert (mail.sender, mail.recipients) == ("intouch@council.example", ("grace@residents.example",))
    assert mail.text == "Hello Grace, café\n.a line with a dot\n"
    assert mail.html == "<p>Hello <b>Grace</b>, café</p>\n"
    assert [(one.filename, one.content_type, one.contents) for one in mail.attachments] == [("plan.pdf", "application/pdf", b"%PDF-1")]
    assert b"Message-ID: <1@council.example>" in mail.raw


async def test_a_refused_address_is_refused_for_ever_and_a_refused_email_once(box: Mailbox) -> None:
    box.refuse("grace@residents.example")
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
        await _send(box)
    assert refused.value.recipients[0].code == 550
    box.refuse("grace@residents.example", "")
    box.refuse_next("421 4.3.2 Closing")
    with pytest.raises(aiosmtplib.SMTPException):
        await _send(box)
    await _send(box)
    assert len(box.messages) == 1


async def test_a_hanging_server_keeps_the_sender_waiting(box: Mailbox) -> None:
    box.hang(5)
    with pytest.raises((aiosmtplib.SMTPException, TimeoutError)):
        await _send(box, timeout=0.3)


async def test_a_dropped_line_loses_the_answer_but_not_the_email(box: Mailbox) -> None:
    box.drop_next()
    with pytest.raises(aiosmtplib.SMTPException):
        await _send(box)
    assert len(box.messages) == 1


async def test_a_login_is_asked_for_where_there_is_one() -> None:
    async with mailbox(user="post", password="s3cret") as box:
        with pytest.raises(aiosmtplib.SMTPException):
            await _send(box)
        with pytest.raises(aiosmtplib.SMTPAuthenticationError):
            await _send(box, username="post", password="wrong")
        await _send(box, username="post", password="s3cret")
        assert len(box.messages) == 1
        assert box.logins == ["post"]
        assert box.url == f"smtp://post:s3cret@127.0.0.1:{box.port}"


async def test_commands_that_come_together_are_answered_in_turn(box: Mailbox) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", box.port)
    await reader.readline()
    writer.write(b"EHLO here\r\n")
    lines = []
    while not (lines and lines[-1].startswith(b"250 ")):
        lines.append(await reader.readline())
    assert b"250-PIPELINING\r\n" in lines
    writer.write(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nSubject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n")
    answers = [(await reader.readline())[:3] for _ in range(5)]
    assert answers == [b"250", b"250", b"354", b"250", b"221"]
    writer.close()
    assert box.messages[0].text == "body\n"


async def test_pythons_own_client_is_served(box: Mailbox) -> None:
    def send() -> None:
        with smtplib.SMTP("127.0.0.1", box.port, timeout=5) as client:
            client.send_message(letter("From smtplib"))

    await asyncio.to_thread(send)
    assert (await box.wait_for(subject="smtplib")).sender == "intouch@council.example"


async def test_waiting_in_vain_tells_what_came_instead(box: Mailbox) -> None:
    await _send(box)
    started = time.monotonic()
    with pytest.raises(AssertionError, match="Your ward this week"):
        await box.wait_for(to="somebody@else.example", timeout=0.1)
    assert time.monotonic() - started < 2
