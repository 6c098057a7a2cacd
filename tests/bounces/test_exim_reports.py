"""Exim's reports, which carry our own email whole: what stands in a digest is no word about its reader's address."""

from __future__ import annotations

import pytest

from intouch.bounces.models import Kind
from intouch.bounces.reading import Report, read
from tests.bounces.mailing import PATHS
from tests.bounces.reports import EXIM_FULL, POSTFIX, written

MINE = PATHS.of(12)
OURS = b"""\
Hello.\r
\r
The waste service is not responding since Monday, and roads are unreachable. Error code: 480. Sender rejected.\r
"""


def _whole(report: bytes, original: bytes = OURS) -> bytes:
    """The report with our email in it, as Exim sends it back unless it is told otherwise."""
    return report.replace(b"text/rfc822-headers", b"message/rfc822").replace(b"Hello.\r\n", original)


@pytest.mark.parametrize("kind", [b"text/plain; charset=utf-8", b"text/html; charset=utf-8", b'multipart/alternative; boundary="y"'])
def test_what_stands_in_our_email_is_not_taken_for_the_words_of_a_mail_server(kind: bytes) -> None:
    report = written(EXIM_FULL, path=MINE).replace(b"mailbox is full: retry timeout exceeded", b"Unrouteable address")
    original = OURS if b"text" in kind else b"--y\r\nContent-Type: text/html\r\n\r\n" + OURS + b"--y--\r\n"
    head, mark, own = _whole(report, original).partition(b"Return-Path: ")
    own = own.replace(b"text/plain; charset=utf-8", kind)
    assert read(head + mark + own, PATHS, recipients=[MINE]) == Report(Kind.HARD, "5.0.0", 12)


def test_what_a_mail_server_tells_people_is_heard_beside_our_email() -> None:
    assert read(_whole(written(EXIM_FULL, path=MINE)), PATHS, recipients=[MINE]) == Report(Kind.SOFT, "5.0.0", 12)


def test_a_report_that_was_passed_on_whole_is_heard_with_its_words_for_people() -> None:
    report = _whole(written(POSTFIX, path=MINE, status="5.0.0", words="550 relay not permitted"))
    head = b'Content-Type: multipart/mixed; boundary="f"\r\n\r\n--f\r\nContent-Type: message/rfc822\r\n\r\n'
    assert read(head + report + b"\r\n--f--\r\n", PATHS, recipients=[MINE]) == Report(Kind.SOFT, "550", 12)


@pytest.mark.parametrize(
    "words",
    [
        "all hosts have been failing for a long time and were last tried after this message arrived",
        "retry time not reached for any host after a long failure period",
    ],
)
def test_a_server_that_was_away_for_days_may_come_back(words: str) -> None:
    """Exim's words for it; its code is 5.0.0, and no other server has said anything."""
    report = written(EXIM_FULL, path=MINE).replace(b"mailbox is full: retry timeout exceeded", words.encode())
    assert read(_whole(report), PATHS, recipients=[MINE]) == Report(Kind.SOFT, "5.0.0", 12)
