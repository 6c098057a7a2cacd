"""What a mail server refused before it was told the address, or put off, says nothing about the address."""

from __future__ import annotations

import pytest

from intouch.bounces.models import Kind
from intouch.bounces.reading import Report, read
from tests.bounces.mailing import PATHS
from tests.bounces.reports import EXIM, POSTFIX, QMAIL, SENDMAIL, written

MINE = PATHS.of(12)
NO_CODE, YAHOOS, OPEN, CODED = (
    "550 IP name lookup failed",
    "553 Mail from 192.0.2.10 - [10]",
    "550 5.1.0 Not today",
    "550 5.1.1 <x> unknown",
)


def _postfix(words: str, stage: str, *, status: str = "") -> bytes:
    status = status or (words[4:9] if words[5] == "." else "5.0.0")
    if stage == "greeting":
        message = written(POSTFIX, path=MINE, status=status, words=words)
        return message.replace(b"said: " + words.encode(), b"refused to\r\n    talk to me: " + words.encode()).replace(
            b" (in reply to RCPT TO command)", b""
        )
    return written(POSTFIX, path=MINE, status=status, words=words).replace(b"(in reply to RCPT TO", f"(in\r\n    reply to {stage}".encode())


def _exim(words: str, stage: str) -> bytes:
    after = {"greeting": b"initial connection", "EHLO": b"EHLO smarthost.example"}.get(stage, stage.encode() + b":<" + MINE.encode() + b">")
    message = written(EXIM, path=MINE).replace(b"after RCPT TO:<grace@example.org>", b"after " + after)
    return message.replace(b"550 5.1.1 <grace@example.org>: Recipient address rejected: User unknown", words.encode())


@pytest.mark.parametrize("words", [NO_CODE, YAHOOS, OPEN, CODED])
@pytest.mark.parametrize("stage", ["greeting", "EHLO", "MAIL FROM", "pipelined MAIL FROM"])
def test_a_refusal_before_the_address_ends_none(words: str, stage: str) -> None:
    for message in [_exim(words, stage), *([_postfix(words, stage)] if "pipelined" not in stage else [])]:
        found = read(message, PATHS)
        assert found is not None and found.kind is Kind.SOFT
    for message in (_exim(words, "RCPT TO"), _postfix(words, "RCPT TO")):
        found = read(message, PATHS)
        assert found is not None and found.kind is Kind.HARD


@pytest.mark.parametrize("words", [NO_CODE, OPEN])
def test_nor_does_one_of_which_sendmail_or_qmail_tell(words: str) -> None:
    sendmail = written(SENDMAIL, path=MINE, status="5.0.0", words=words, command=f"MAIL From:<{MINE}> SIZE=1024")
    assert b">>> MAIL From:" in sendmail
    qmail = written(QMAIL, path=MINE, words=f"Connected to 198.51.100.25 but sender was rejected.\nRemote host said: {words}")
    for message in (sendmail, qmail):
        found = read(message, PATHS)
        assert found is not None and found.kind is Kind.SOFT


def test_what_a_mail_server_tried_again_until_its_patience_ended_is_no_word_about_the_address() -> None:
    """Postfix takes a 5xx in place of a greeting for passing, and says 4.0.0 for it after five days."""
    message = written(POSTFIX, path=MINE, status="4.0.0", words="553 Mail from 192.0.2.10 not allowed - [10]")
    assert read(message, PATHS) == Report(Kind.SOFT, "4.0.0", 12)


def test_an_answer_that_put_it_off_is_none_when_a_relay_of_ours_makes_a_5_of_it() -> None:
    """Haraka does, when it has tried a dozen times."""
    words = "450 4.1.1 <{to}>: Recipient address rejected: unverified address: connection timed out"
    assert read(written(POSTFIX, path=MINE, status="5.1.1", words=words), PATHS) == Report(Kind.SOFT, "5.1.1", 12)


# Dovecot's, for a rule of the reader's own: `reject "…"` in Sieve (RFC 5429).
REJECTED = """\
From: Postmaster <postmaster@mail.example.org>
To: <{path}>
Subject: Rejected: Southwick this week
Auto-Submitted: auto-replied (rejected)
Precedence: bulk
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification;
\tboundary="18082/mail.example.org"

This is a MIME-encapsulated message

--18082/mail.example.org
Content-Type: text/plain; charset=utf-8

Your message to <grace@example.org> was automatically rejected:
{words}
--18082/mail.example.org
Content-Type: message/disposition-notification

Reporting-UA: mail.example.org; Dovecot Mail Delivery Agent
Final-Recipient: rfc822; grace@example.org
Disposition: automatic-action/MDN-sent-automatically; deleted

--18082/mail.example.org
Content-Type: message/rfc822

From: Sunderland City Council <news@council.example>
Subject: Southwick this week


--18082/mail.example.org--
"""


@pytest.mark.parametrize("words", ["I am away. Please send it again after Monday.", "550 5.1.1 Is what my rule says.", "Quota exceeded"])
def test_a_rule_of_the_readers_own_says_that_somebody_is_there(words: str) -> None:
    message = REJECTED.format(path=MINE, words=words).replace("\n", "\r\n").encode()
    found = read(message, PATHS)
    assert found is not None and (found.kind, found.delivery_id) == (Kind.SOFT, 12)


IONOS = """\
Return-Path: <>
From: "Mail Delivery System" <mailer-daemon@relay.example>
To: {path}
Subject: Mail delivery failed: returning message to sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of
its recipients. This is a permanent error. The following address
failed:

grace@example.org:
SMTP error from remote server for {command} command, host: mx.example.org (198.51.100.25) reason: {words}


--- The header of the original message is following. ---

Return-Path: <{path}>
Subject: Southwick this week

"""


@pytest.mark.parametrize(
    ("command", "words", "kind"),
    [
        ("RCPT TO", "550 No thanks", Kind.HARD),
        ("MAIL FROM", "550 5.1.0 No thanks", Kind.SOFT),
        ("TEXT", "550 192.0.2.10 is not allowed to send mail from council.example", Kind.SOFT),
        ("TEXT", "550 No such user", Kind.HARD),
    ],
)
def test_ionos_tells_at_which_command_it_was(command: str, words: str, kind: Kind) -> None:
    found = read(IONOS.format(path=MINE, command=command, words=words).replace("\n", "\r\n").encode(), PATHS)
    assert found is not None and found.kind is kind
