"""Reading: what a report says: delivery status notifications (RFC 3464), complaints (RFC 5965), and what only people can read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message

from flufl.bounce import all_failures

from intouch import logs
from intouch.bounces import statuses
from intouch.bounces.models import Kind
from intouch.bounces.verp import ReturnPath

log = logs.get("bounces")

MOST_BYTES = 1024 * 1024
# "not-spam" means the opposite, "auth-failure" and "dmarc" are about our domain.
_COMPLAINTS = {"abuse", "fraud", "virus", "other", "opt-out", "opt-out-list"}
_RECEIVED_FOR = ("delivered-to", "x-original-to", "envelope-to", "to")
_SENT_FROM = ("original-mail-from", "return-path", "x-failed-return-path")
_MOST_PARTS = 200


@dataclass(frozen=True, slots=True)
class Report:
    """What was reported about one email. Without ``delivery_id`` the provider vouches for ``address`` and ``number``."""

    kind: Kind
    status: str = ""
    delivery_id: int | None = None
    address: str = ""
    number: str = ""


def read(message: bytes, paths: ReturnPath, *, recipients: Sequence[str] = ()) -> Report | None:
    """The report in ``message``, whatever bytes these are; None where it is none, or carries no return path that we made.

    ``recipients`` are those of the envelope, where it is known.
    """
    if len(message) > MOST_BYTES:
        return None
    try:
        parsed = message_from_bytes(message)
        delivery_id = next(_deliveries(parsed, paths, recipients), None)
        found = _complaint(parsed) or _failure(parsed) if delivery_id is not None else None
    except Exception as error:  # the parsers of email and flufl.bounce fall over some rubbish
        log.info("bounces.unreadable", error=type(error).__name__)
        return None
    return Report(found[1], found[0], delivery_id) if found else None


def _deliveries(message: Message, paths: ReturnPath, recipients: Iterable[str]) -> Iterator[int]:
    """What our return paths name: those of the envelope first, then of the headers, then of the email that came back."""
    for address in (*recipients, *_values(message, _RECEIVED_FOR), *_quoted(message)):
        delivery_id = paths.delivery_of(address)
        if delivery_id is not None:
            yield delivery_id


def _quoted(message: Message) -> Iterator[str]:
    for part in _parts(message):
        if part is not message:
            yield from _values(part, _SENT_FROM)
        if part.get_content_type() == "text/rfc822-headers":
            yield from _values(message_from_bytes(_content(part)), _SENT_FROM)


def _values(message: Message, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        for value in message.get_all(name, []):
            yield from str(value).split(",")


def _parts(message: Message) -> Iterator[Message]:
    for number, part in enumerate(message.walk()):
        if number >= _MOST_PARTS:
            return
        yield part


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _complaint(message: Message) -> tuple[str, Kind] | None:
    for part in _parts(message):
        if part.get_content_type() == "message/feedback-report":
            fields = _fields(part)
            kind = fields.get("feedback-type", "").strip().lower()
            return (kind, Kind.COMPLAINT) if kind in _COMPLAINTS else None
    return None


def _fields(part: Message) -> Message:
    """The fields of a machine-readable part, which the parser takes for a message, or for text where it is encoded."""
    inner = part.get_payload()
    if isinstance(inner, list) and inner:
        return inner[0] if isinstance(inner[0], Message) else part
    return message_from_bytes(_content(part))


def _failure(message: Message) -> tuple[str, Kind] | None:
    has_status = False
    for part in _parts(message):
        kind = part.get_content_type()
        if kind == "message/feedback-report":
            return None
        if kind in ("message/delivery-status", "message/global-delivery-status"):
            has_status = True
            found = _of_notification(part)
            if found:
                return found
    # Where a machine-readable part says that nothing failed, the words for people are not asked.
    return None if has_status else _of_words(message)


def _of_notification(part: Message) -> tuple[str, Kind] | None:
    """The mildest of what is said about each recipient: behind a forwarding address one of two may have got it."""
    inner = part.get_payload()
    groups = inner if isinstance(inner, list) else _groups(_content(part))
    said = [_of_recipient(group) for group in groups if isinstance(group, Message) and (group.get("action") or group.get("status"))]
    failed = [one for one in said if one]
    if not failed or len(failed) < len(said):
        return None
    return min(failed, key=lambda one: one[1] is Kind.HARD)


def _groups(content: bytes) -> list[Message]:
    blocks = content.replace(b"\r\n", b"\n").split(b"\n\n")
    return [message_from_bytes(block.lstrip(b"\n")) for block in blocks if block.strip()]


def _of_recipient(group: Message) -> tuple[str, Kind] | None:
    """What a group says that reports a failure; a delay is none yet: the mail server goes on trying (decision 0110)."""
    action = str(group.get("action", "failed")).strip().lower().split(" ")[0]
    if action != "failed":
        return None
    status = str(group.get("status", "")).split("(")[0].strip()
    words = statuses.of_words(str(group.get("diagnostic-code", "")))
    kind = statuses.of_code(status)
    if kind is None or status.endswith(".0.0"):
        return words or ((status, kind) if kind else ("", Kind.SOFT))
    return status, kind


def _of_words(message: Message) -> tuple[str, Kind] | None:
    """Reports of their own shape (qmail, old Exim and Exchange, …): flufl.bounce knows them; the code stands in the words."""
    _passing, permanent = all_failures(message)
    if not permanent:
        return None
    for part in _parts(message):
        if part.get_content_maintype() == "text":
            words = _content(part)[:20_000].decode("utf-8", "replace")
            if found := statuses.of_words(words):
                return found
    return "", Kind.HARD
