"""Providers: what Amazon SES and Postmark say in their own JSON, as reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from intouch import logs
from intouch.bounces import statuses
from intouch.bounces.models import Kind
from intouch.bounces.reading import COMPLAINTS, Report
from intouch.bounces.verp import ReturnPath

log = logs.get("bounces")

_MOST_RECIPIENTS = 50
# https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types
_LEFT_AMAZON = "UnsubscribedRecipient"  # by Amazon's own subscription management
_ALSO_OUT_OF_OFFICE = ("General", "Undetermined", "")
# https://postmarkapp.com/developer/api/bounce-api#bounce-types; what is left out needs nothing from us (auto-replies and such).
_POSTMARK: Mapping[str, Kind] = {
    "HardBounce": Kind.HARD,
    "BadEmailAddress": Kind.HARD,
    "ManuallyDeactivated": Kind.HARD,
    "SpamComplaint": Kind.COMPLAINT,
    "Unsubscribe": Kind.UNSUBSCRIBED,
    "SoftBounce": Kind.SOFT,
    "DnsError": Kind.SOFT,
    "SpamNotification": Kind.SOFT,
    "Blocked": Kind.SOFT,
    "DMARCPolicy": Kind.SOFT,
    "Undeliverable": Kind.SOFT,
}
# https://postmarkapp.com/developer/webhooks/subscription-change-webhook
_SUPPRESSED: Mapping[str, Kind] = {
    "HardBounce": Kind.HARD,
    "SpamComplaint": Kind.COMPLAINT,
    "ManualSuppression": Kind.UNSUBSCRIBED,
}


def from_ses(event: Mapping[str, Any], paths: ReturnPath | None) -> list[Report]:
    """The reports in an SES notification or event: Bounce and Complaint; whatever else it is, none."""
    what = event.get("notificationType") or event.get("eventType")
    if what == "Bounce":
        return _ses(event, paths, _mapping(event.get("bounce")), "bouncedRecipients")
    if what == "Complaint" and (_text(_mapping(event.get("complaint")), "complaintFeedbackType") or "abuse") in COMPLAINTS:
        return _ses(event, paths, _mapping(event.get("complaint")), "complainedRecipients")
    return []


def _ses(event: Mapping[str, Any], paths: ReturnPath | None, said: Mapping[str, Any], recipients: str) -> list[Report]:
    delivery_id = paths.delivery_of(_text(_mapping(event.get("mail")), "source")) if paths is not None else None
    reports = []
    for one in _sequence(said.get(recipients))[:_MOST_RECIPIENTS]:
        recipient = _mapping(one)
        address, status = _text(recipient, "emailAddress"), _text(recipient, "status")
        kind = _ses_kind(said, recipient) if recipients == "bouncedRecipients" else Kind.COMPLAINT
        if kind is None:
            continue
        number = f"ses:{_text(said, 'feedbackId')}:{kind.value}:{address.lower()}"
        reports.append(Report(kind, status or _text(said, "bounceSubType"), delivery_id, address, number))
    # Our emails have one recipient each: with a return path all of these are about the same one.
    return reports[:1] if delivery_id is not None else reports


def _ses_kind(bounce: Mapping[str, Any], recipient: Mapping[str, Any]) -> Kind | None:
    action, status, words = (_text(recipient, name) for name in ("action", "status", "diagnosticCode"))
    if bounce.get("bounceType") != "Permanent":
        # Amazon tells of an out-of-office letter as of a bounce of no kind in particular, and passes on a delay; what a mail
        # server refused has its answer beside it.
        is_refused = status or words or _text(bounce, "bounceSubType") not in _ALSO_OUT_OF_OFFICE
        return Kind.SOFT if is_refused and action.lower() in ("", "failed") else None
    if _text(bounce, "bounceSubType") == _LEFT_AMAZON:
        return Kind.UNSUBSCRIBED
    if not statuses.is_open(status):
        return statuses.of_code(status) or Kind.HARD
    # The code leaves it open: Amazon has read the words, but counts for hard what a mail server holds against it, too.
    told = statuses.of_words(words)
    return told[1] if told else Kind.HARD


def from_postmark(event: Mapping[str, Any]) -> list[Report]:
    """The report in a Postmark webhook. Postmark has return paths of its own, so the address says whom it is about."""
    if event.get("RecordType") == "SubscriptionChange":
        return _suppressed(event)
    if event.get("RecordType") not in ("Bounce", "SpamComplaint"):
        return []
    kind = _POSTMARK.get(_text(event, "Type") or _text(event, "RecordType"))
    number, address = _text(event, "ID"), _text(event, "Email")
    if kind is None or not number or not address:
        return []
    return [Report(kind, _text(event, "Type"), None, address, f"postmark:{number}:{kind.value}")]


def _suppressed(event: Mapping[str, Any]) -> list[Report]:
    """An address went on Postmark's list of whom it sends nothing to, or came off it: heeded where a reader did it with an email.

    What somebody of the council does in Postmark's pages names no email, and coming off the list is nobody's consent.
    """
    reason, number, address = (_text(event, name) for name in ("SuppressionReason", "MessageID", "Recipient"))
    is_readers = event.get("SuppressSending") is True and event.get("Origin") == "Recipient"
    kind = _SUPPRESSED.get(reason)
    if kind is None or not (is_readers and number and address):
        log.info("bounces.suppression_ignored", provider="postmark", suppresses=event.get("SuppressSending") is True)
        return []
    return [Report(kind, reason, None, address, f"postmark:{number}:{kind.value}")]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _text(value: Mapping[str, Any], name: str) -> str:
    """A field as text, short enough for a key, and without what PostgreSQL does not store."""
    found = value.get(name)
    if not isinstance(found, str | int) or isinstance(found, bool):
        return ""
    return str(found)[:254].replace("\x00", "").encode("utf-8", "replace").decode()
