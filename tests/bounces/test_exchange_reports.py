"""Exchange Online's reports, through which many a council sends: a code of its own, and behind an arrow the other server's words."""

from __future__ import annotations

import pytest

from intouch.bounces.models import Kind
from intouch.bounces.reading import Report, read
from tests.bounces.mailing import PATHS
from tests.bounces.reports import EXCHANGE, written

MINE = PATHS.of(12)
SAID = "550 5.0.350 Remote server returned an error -> "


@pytest.mark.parametrize(
    ("words", "kind", "status"),
    [
        ("550 Administrative prohibition - envelope blocked", Kind.SOFT, "550"),
        ("550 Client host [192.0.2.10] blocked using zen.spamhaus.org", Kind.SOFT, "550"),
        ("554 5.7.1 Spam message rejected", Kind.SOFT, "5.7.1"),
        ("552 Mailbox is full", Kind.SOFT, "552"),
        ("554 Something is wrong", Kind.SOFT, "554"),
        ("550 Account closed", Kind.HARD, "550"),
        ("550 No such user here", Kind.HARD, "550"),
        ("550 5.1.1 Unknown user", Kind.HARD, "5.1.1"),
    ],
)
def test_what_the_other_server_said_decides(words: str, kind: Kind, status: str) -> None:
    report = written(EXCHANGE, path=MINE, status="5.0.350", words=f"{SAID}{words}")
    assert read(report, PATHS) == Report(kind, status, 12)
    told = report.replace(b"couldn't be delivered.=20", f"couldn't be delivered.\r\n\r\nRemote Server returned '{SAID}{words}'".encode())
    assert read(told, PATHS) == Report(kind, status, 12)
    folded = report.replace(b"returned an error", b"returned an\r\n error")
    assert read(folded, PATHS) == Report(kind, status, 12)


def test_a_domain_whose_names_could_not_be_asked_for_a_day_may_come_back() -> None:
    report = written(EXCHANGE, path=MINE, status="5.4.312", words="550 5.4.312 Message expired, DNS query failed(ServerFailure)")
    assert read(report, PATHS) == Report(Kind.SOFT, "5.4.312", 12)
    gone = written(EXCHANGE, path=MINE, status="5.4.310", words="550 5.4.310 DNS domain example.org does not exist")
    assert read(gone, PATHS) == Report(Kind.HARD, "5.4.310", 12)
