"""What Amazon SES and Postmark say in JSON, read without the way that it came."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intouch.bounces.models import Kind
from intouch.bounces.providers import from_postmark, from_ses
from intouch.bounces.reading import Report
from intouch.bounces.verp import ReturnPath

PATHS = ReturnPath("bounce@mail.council.example", b"a key")
GRACE = "grace@example.org"


def bounce(kind: str, detail: str, recipient: dict[str, Any] | None = None, *, name: str = "notificationType") -> dict[str, Any]:
    """An SES bounce as Amazon's guide shows it: what a mail server's report said stands with the recipient, if there was one."""
    return {
        name: "Bounce",
        "bounce": {
            "bounceType": kind,
            "bounceSubType": detail,
            "bouncedRecipients": [{"emailAddress": GRACE} | (recipient or {})],
            "timestamp": "2026-11-20T16:00:05.000Z",
            "feedbackId": "0102018f-1",
            "remoteMtaIp": "198.51.100.25",
            "reportingMTA": "dsn; a7-12.smtp-out.eu-west-1.amazonses.com",
        },
        "mail": {"timestamp": "2026-11-20T16:00:00.000Z", "source": PATHS.of(12), "messageId": "0102", "destination": [GRACE]},
    }


@pytest.mark.parametrize("name", ["notificationType", "eventType"])
@pytest.mark.parametrize(("kind", "detail"), [("Transient", "General"), ("Undetermined", "Undetermined"), ("Transient", "")])
def test_who_is_out_of_office_has_not_bounced(name: str, kind: str, detail: str) -> None:
    assert from_ses(bounce(kind, detail, name=name), PATHS) == []


def test_a_delay_that_a_mail_server_further_on_tells_of_is_none_either() -> None:
    delayed = {"action": "delayed", "status": "4.4.1", "diagnosticCode": "smtp; 421 4.4.1 Connection timed out"}
    assert from_ses(bounce("Transient", "General", delayed), PATHS) == []


@pytest.mark.parametrize(
    ("kind", "detail", "recipient", "heard"),
    [
        ("Transient", "MailboxFull", {}, Kind.SOFT),
        ("Transient", "ContentRejected", {}, Kind.SOFT),
        ("Transient", "General", {"action": "failed", "status": "4.4.7", "diagnosticCode": "smtp; 550 4.4.7 Message expired"}, Kind.SOFT),
        ("Transient", "General", {"diagnosticCode": "smtp; 550 try later"}, Kind.SOFT),
        ("Undetermined", "Undetermined", {"action": "failed", "status": "5.0.0"}, Kind.SOFT),
        ("Permanent", "General", {}, Kind.HARD),
        ("Permanent", "NoEmail", {"action": "failed", "status": "5.1.1"}, Kind.HARD),
        ("Permanent", "Suppressed", {"action": "failed", "status": "5.1.1", "diagnosticCode": "Amazon SES has suppressed"}, Kind.HARD),
        ("Permanent", "OnAccountSuppressionList", {"action": "failed", "status": "5.1.1"}, Kind.HARD),
        ("Permanent", "UnsubscribedRecipient", {"action": "failed", "status": "5.1.1"}, Kind.UNSUBSCRIBED),
    ],
)
def test_what_a_mail_server_refused_has_bounced(kind: str, detail: str, recipient: dict[str, Any], heard: Kind) -> None:
    (report,) = from_ses(bounce(kind, detail, recipient), PATHS)
    assert (report.kind, report.delivery_id) == (heard, 12)


def test_a_complaint_is_heard_from_either_of_amazons_two_ways_of_telling() -> None:
    complaint = {"feedbackId": "0102018f-2", "complaintSubType": None, "complainedRecipients": [{"emailAddress": GRACE}]}
    for name in ("notificationType", "eventType"):
        event = {name: "Complaint", "complaint": complaint, "mail": {"source": "news@council.example"}}
        assert from_ses(event, PATHS) == [Report(Kind.COMPLAINT, "", None, GRACE, f"ses:0102018f-2:complaint:{GRACE}")]


def test_who_asks_postmark_to_be_taken_off_has_unsubscribed() -> None:
    event = {"RecordType": "Bounce", "Type": "Unsubscribe", "ID": 42, "Email": GRACE}
    assert from_postmark(event) == [Report(Kind.UNSUBSCRIBED, "Unsubscribe", None, GRACE, "postmark:42:unsubscribed")]


_RUBBISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["Bounce", "Permanent", "5.1.1"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["emailAddress", "status", "a"]), inner, max_size=3),
    max_leaves=5,
)
_NAMES = ("bounce", "complaint", "mail", "bounceType", "bouncedRecipients", "complaintFeedbackType", "Type", "ID", "Email", "Origin")


@given(st.dictionaries(st.sampled_from(_NAMES), _RUBBISH), st.dictionaries(st.sampled_from(_NAMES), _RUBBISH))
def test_no_json_makes_it_fall_over(event: dict[str, Any], inner: dict[str, Any]) -> None:
    for what in ("Bounce", "Complaint"):
        from_ses({"eventType": what, "bounce": inner, "complaint": inner, "mail": event}, PATHS)
        from_ses(event | {"notificationType": what}, None)
        from_postmark(event | {"RecordType": what})
