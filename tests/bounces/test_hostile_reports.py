"""Reports that Mallory makes to keep the reader busy: each is done with at once, and what is true in them is still heard."""

from __future__ import annotations

import base64
import time

import pytest

from intouch.bounces.models import Kind
from intouch.bounces.reading import MOST_BYTES, Report, read
from intouch.bounces.verp import ReturnPath

PATHS = ReturnPath("bounce@mail.council.example", b"a key")
MINE = PATHS.of(12)
AT_ONCE = 3.0  # seconds; each of these took from seven to three hundred
HEAD = b"From: MAILER-DAEMON@mx.example\nSubject: Undelivered\n"
FAILED = b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nAction: failed\nStatus: 5.0.0\n\n--b--\n"


def _nested(depth: int) -> bytes:
    """Parts in parts, and then lines, each of which may end any of them."""
    opened = b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (number, number) for number in range(depth))
    return opened + b"Content-Type: text/plain\n\n"


def _filled(start: bytes, line: bytes = b"\n") -> bytes:
    return start + line * ((MOST_BYTES - len(start)) // len(line))


def _report(*parts: bytes) -> bytes:
    return HEAD + b"Content-Type: multipart/report; boundary=b\n\n" + b"".join(b"--b\n" + part + b"\n" for part in parts) + FAILED


HIDDEN = base64.encodebytes(HEAD + _nested(900) + b"\n" * 500_000)


@pytest.mark.parametrize(
    ("message", "heard"),
    [
        (_filled(HEAD + _nested(100)), None),
        (_filled(HEAD + _nested(900)), None),
        (_filled(HEAD + _nested(100), b"--\r"), None),
        (_filled(HEAD + b"\n"), None),
        (HEAD + b'Content-Type: multipart/report; boundary="' + b";" * 200_000 + b"\n\n", None),
        (HEAD + b'Content-Type: multipart/report; boundary="' + b";\r\n " * 40_000 + b"\n\n", None),
        (_report(b"Content-Type: text/plain\n\n" + b"\n" * 20_000), Report(Kind.HARD, "5.0.0", 12)),
        (_report(*[b"Content-Type: text/plain\n\n" + b"-\n" * 400] * 100), Report(Kind.HARD, "5.0.0", 12)),
        (
            _report(b"Content-Type: text/rfc822-headers\nContent-Transfer-Encoding: base64\n\n" + HIDDEN),
            Report(Kind.HARD, "5.0.0", 12),
        ),
    ],
    ids=[
        "parts",
        "many parts",
        "lines that may end parts",
        "lines",
        "semicolons",
        "folded semicolons",
        "empty lines for people",
        "many parts for people",
        "encoded",
    ],
)
def test_what_is_made_to_keep_us_busy_is_done_with_at_once(message: bytes, heard: Report | None) -> None:
    began = time.perf_counter()
    assert read(message, PATHS, recipients=[MINE]) == heard
    assert time.perf_counter() - began < AT_ONCE


def test_a_report_may_bring_back_an_email_of_many_parts_that_speaks_of_boundaries() -> None:
    email = b"Content-Type: message/rfc822\n\n" + HEAD + _nested(20) + b"The boundary of the ward = the river.\n" * 5000
    assert read(_report(email), PATHS, recipients=[MINE]) == Report(Kind.HARD, "5.0.0", 12)
