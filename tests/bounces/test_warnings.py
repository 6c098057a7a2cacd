"""Subjects that warn: of a delay, after which the mail server goes on trying, or of a failure."""

from __future__ import annotations

import pytest

from intouch.bounces.models import Kind
from intouch.bounces.reading import Report, read
from tests.bounces.mailing import PATHS
from tests.bounces.reports import ORIGINAL

MINE = PATHS.of(12)
MDAEMON = """\
From: MDaemon@mail.example.org
To: {path}
Subject: {subject}
Precedence: bulk
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="1118-1200-05-PART-BREAK"

--1118-1200-05-PART-BREAK
Content-Type: text/plain; charset=US-ASCII

grace@example.org - no such user here.

There is no user by that name at this server.

--1118-1200-05-PART-BREAK
Content-Type: message/rfc822

{original}
--1118-1200-05-PART-BREAK--
"""


@pytest.mark.parametrize(
    ("subject", "report"),
    [
        ("Warning: grace@example.org - User unknown!", Report(Kind.HARD, "", 12)),
        ("Warning: could not send message for past 4 hours", None),
        ("**Warning**: your email is late", None),
        ("Mail delayed", None),
    ],
)
def test_a_warning_of_nobody_is_no_delay(subject: str, report: Report | None) -> None:
    original = ORIGINAL.format(path=MINE, to="grace@example.org")
    message = MDAEMON.format(path=MINE, subject=subject, original=original).replace("\n", "\r\n").encode()
    assert read(message, PATHS) == report
