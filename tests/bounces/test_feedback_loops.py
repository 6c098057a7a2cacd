"""Complaints as providers write them who keep to no standard."""

from __future__ import annotations

import pytest

from intouch.bounces.models import Kind
from intouch.bounces.reading import Report, read
from tests.bounces.mailing import PATHS
from tests.bounces.reports import ORIGINAL

MINE = PATHS.of(12)
# Microsoft's junk mail reporting programme, of outlook.com, hotmail.co.uk, live.co.uk and msn.com: no machine-readable part.
MICROSOFT = """\
From: staff@hotmail.com
To: bounce@mail.council.example
Subject:  complaint about message from 192.0.2.10
Date: Thu, 19 Nov 2026 08:00:00 +0000
MIME-Version:  1.0
Content-Type: {kind}; boundary="A9C0"

--A9C0
Content-Type: {part}
Content-Disposition: inline

{mark}Authentication-Results: hotmail.com; spf=pass (sender IP is 192.0.2.10)
{original}
--A9C0--
"""


def _written(
    *, kind: str = "multipart/mixed", part: str = "message/rfc822", mark: str = "X-HmXmrOriginalRecipient", path: str = MINE
) -> bytes:
    original = ORIGINAL.format(path=path, to="grace@hotmail.example")
    mark = f"{mark}: grace@hotmail.example\n" if mark else ""
    return MICROSOFT.format(kind=kind, part=part, mark=mark, original=original).replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("multipart/mixed", "message/rfc822"),
        ("multipart/report; report-type=feedback-report", "message/rfc822"),
        ("multipart/report; report-type=feedback-report", "message/rfc822-headers"),
        ("multipart/report; report-type=feedback-report", "text/rfc822-headers"),
    ],
)
def test_microsofts_complaints_are_heard(kind: str, part: str) -> None:
    assert read(_written(kind=kind, part=part), PATHS, recipients=[PATHS.address]) == Report(Kind.COMPLAINT, "abuse", 12)


def test_an_email_that_somebody_passed_on_is_no_complaint_and_neither_is_one_that_is_not_ours() -> None:
    assert read(_written(mark=""), PATHS, recipients=[PATHS.address]) is None
    assert read(_written(path="bounce+12.aaaaaaaaaaaaaaaa@mail.council.example"), PATHS, recipients=[PATHS.address]) is None
