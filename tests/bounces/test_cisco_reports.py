"""Reports of Cisco's mail gateway (IronPort), which puts a code of its own before what the other mail server said."""

from __future__ import annotations

import pytest

from intouch.bounces.models import Kind
from intouch.bounces.reading import Report, read
from tests.bounces.mailing import PATHS
from tests.bounces.reports import POSTFIX, written

MINE = PATHS.of(12)


@pytest.mark.parametrize(
    ("words", "kind", "status"),
    [
        ("5.1.0 - Unknown address error 550-'5.7.1 You are not welcome here'", Kind.SOFT, "5.7.1"),
        ("5.1.0 - Unknown address error 552-'5.2.2 That is more than fits'", Kind.SOFT, "5.2.2"),
        # Exchange Online's words for an address that does not exist: without its code they are about us.
        ("5.1.0 - Unknown address error 550-'5.4.1 Recipient address rejected: Access denied.'", Kind.HARD, "5.4.1"),
        ("5.1.0 - Unknown address error 550-'No Such User Here'", Kind.HARD, "5.1.0"),
        ("5.1.0 - Unknown address error 550-'Relaying mail to grace@example.org is not allowed'", Kind.SOFT, "5.1.0"),
        ("5.3.0 - Other mail system problem 550-'5.1.1 Nobody of that name'", Kind.HARD, "5.1.1"),
        ("5.3.0 - Other mail system problem 554-'Transaction failed'", Kind.SOFT, "5.3.0"),
        ("5.4.7 - Delivery expired (message too old) 'timeout'", Kind.SOFT, "5.4.7"),
        ("5.1.2 - Bad destination host 'DNS Hard Error looking up example.org (MX):  NXDomain'", Kind.HARD, "5.1.2"),
    ],
)
def test_the_code_that_says_something_decides(words: str, kind: Kind, status: str) -> None:
    report = written(POSTFIX, path=MINE, status="5.0.0 (permanent failure)", words=f"{words} (delivery attempts: 0)")
    assert read(report, PATHS) == Report(kind, status, 12)
