"""Reading: what a report says: delivery status notifications (RFC 3464), complaints (RFC 5965), and what only people can read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses

from flufl.bounce import all_failures

from intouch import logs
from intouch.bounces import statuses
from intouch.bounces.models import Kind
from intouch.bounces.verp import ReturnPath
from intouch.channels.smtp_words import is_of_relaying

log = logs.get("bounces")

MOST_BYTES = 1024 * 1024
# "not-spam" means the opposite, "auth-failure" and "dmarc" are about our domain.
COMPLAINTS = {"abuse", "fraud", "virus", "other", "opt-out", "opt-out-list"}
_COMPLAINED = "x-hmxmroriginalrecipient"  # Microsoft's reports have no machine-readable part, but this in our email
_RECEIVED_FOR = ("delivered-to", "x-original-to", "envelope-to", "to")
_SENT_FROM = ("original-mail-from", "return-path", "x-failed-return-path")
_MOST_PARTS = 200
# No report is like that; to the parser each line costs as much as there are boundaries open, and each semicolon as those before it.
_MOST_LINES, _MOST_BOUNDARIES = 50_000, 100
_BOUNDARY = re.compile(rb"(?i)\bboundary[\s*\d]*=")
_LONG_TYPE = re.compile(rb"(?im)^content-type:(?:[^\r\n]|[\r\n]+[ \t]){4000}")
_EMAILS = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers")
_FAILED = ("fail", "error")  # "error" is OpenSMTPD's word for it
_QUOTED = re.compile(r"(?im)^[^\w\n]*(?:received|return-path): |^-.*\bcopy of\b")
_DELAYED = re.compile(r"(?i)\bdelay|^\W*warning\b(?!.*\bunknown\b)")
_AFTER_STATUS = re.compile(r"[\s;(]+")
_BETWEEN_ADDRESSES = re.compile(r"[\s<>(),:;]+")
_TAGS = re.compile(r"<(?![^<>\s]*@)[^<>]{0,1000}>")


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
    if _is_too_much(message):
        return None
    try:
        parsed = message_from_bytes(message)
        delivery_id = next(_deliveries(parsed, paths, recipients), None)
        found = _complaint(parsed) or _failure(parsed) if delivery_id is not None else None
    except Exception as error:  # the parsers of email and flufl.bounce fall over some rubbish
        log.info("bounces.unreadable", error=type(error).__name__)
        return None
    return Report(found[1], found[0], delivery_id) if found else None


def _is_too_much(message: bytes) -> bool:
    """Whether somebody made it to keep us busy: reading it would take minutes."""
    lines = message.count(b"\n") + message.count(b"\r")
    if len(message) > MOST_BYTES or lines > _MOST_LINES:
        return True
    return len(_BOUNDARY.findall(message)) > _MOST_BOUNDARIES or _LONG_TYPE.search(message) is not None


def _deliveries(message: Message, paths: ReturnPath, recipients: Iterable[str]) -> Iterator[int]:
    """What our return paths name: those of the envelope first, then of the headers, then of the email that came back."""
    for address in (*recipients, *_values(message, _RECEIVED_FOR), *_quoted(message)):
        delivery_id = paths.delivery_of(address)
        if delivery_id is not None:
            yield delivery_id


def _quoted(message: Message) -> Iterator[str]:
    for headers in _brought_along(message):
        yield from _values(headers, _SENT_FROM)


def _brought_along(message: Message) -> Iterator[Message]:
    """The headers of each part, and those that stand in one: of the email that came back, too."""
    for part in _parts(message):
        if part is not message:
            yield part
        if part.get_content_type() == "text/rfc822-headers" or _is_encoded(part):
            yield _headers(_content(part))


def _values(message: Message, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        for value in message.get_all(name, []):
            # Split and not parsed: beside an address may stand a name, a comment or a kind (``rfc822;``), and any rubbish.
            yield from _BETWEEN_ADDRESSES.split(str(value).replace('"', ""))


def _parts(message: Message) -> Iterator[Message]:
    for number, part in enumerate(message.walk()):
        if number >= _MOST_PARTS:
            return
        yield part


def _beside_ours(message: Message) -> Iterator[Message]:
    """The parts but those of an email that came back; a report that somebody passed on, whole, is none."""
    ours: set[int] = set()
    for part in _parts(message):
        inside = _inner(part)
        is_ours = id(part) in ours or (part.get_content_type() in _EMAILS and not any(map(_is_report, inside)))
        if is_ours:
            ours.update(map(id, inside))
        else:
            yield part


def _is_report(message: Message) -> bool:
    return message.get_content_type() == "multipart/report"


def _content(part: Message) -> bytes:
    if _is_encoded(part):
        box = Message()
        box["Content-Transfer-Encoding"] = "base64"
        box.set_payload(_inner(part)[0].get_payload())
        part = box
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _inner(part: Message) -> list[Message]:
    """The messages as which the parser reads what stands in a part."""
    inner = part.get_payload()
    return [one for one in inner if isinstance(one, Message)] if isinstance(inner, list) else []


def _is_encoded(part: Message) -> bool:
    """Whether it is base64 that the parser has read for a message, as it does with whatever is called one."""
    inner = _inner(part)
    is_base64 = str(part.get("content-transfer-encoding", "")).strip().lower() == "base64"
    return is_base64 and len(inner) > 0 and not inner[0].keys() and isinstance(inner[0].get_payload(), str)


def _headers(content: bytes) -> Message:
    """The headers alone: below them may stand what would take minutes to read, encoded."""
    return BytesHeaderParser().parsebytes(content)


def _complaint(message: Message) -> tuple[str, Kind] | None:
    for part in _parts(message):
        if part.get_content_type() == "message/feedback-report":
            fields = _fields(part)
            kind = str(fields.get("feedback-type", "")).partition("(")[0].strip().lower()
            return (kind, Kind.COMPLAINT) if kind in COMPLAINTS else None
    is_microsofts = any(_COMPLAINED in headers for headers in _brought_along(message))
    return ("abuse", Kind.COMPLAINT) if is_microsofts else None


def _fields(part: Message) -> Message:
    """The fields of a machine-readable part, which the parser takes for a message, or for text where it is encoded."""
    inner = _inner(part)
    return inner[0] if inner and not _is_encoded(part) else _headers(_content(part))


def _failure(message: Message) -> tuple[str, Kind] | None:
    found = _reported(message)
    return (found[0], Kind.SOFT) if found and _is_not_about_address(message) else found


def _is_not_about_address(message: Message) -> bool:
    """Whether it was said before the mail server was told the address, or by a rule of the reader's own (RFC 5429)."""
    is_readers = any(part.get_content_type() == "message/disposition-notification" for part in _parts(message))
    return is_readers or any(map(statuses.is_before_address, _words_for_people(message)))


def _reported(message: Message) -> tuple[str, Kind] | None:
    says_otherwise = False
    for part in _parts(message):
        kind = part.get_content_type()
        if kind == "message/feedback-report":
            return None
        if kind in ("message/delivery-status", "message/global-delivery-status"):
            said = _of_notification(part)
            if found := _mildest(said):
                # A code that leaves it open yields to what people are told, if that tells more.
                told = _of_people(message) if statuses.is_open(found[0]) else None
                return (told[0] or found[0], told[1]) if told else found
            says_otherwise = says_otherwise or bool(said)
    # Where a machine-readable part says that nothing failed, the words for people are not asked.
    return None if says_otherwise else _of_words(message)


def _of_notification(part: Message) -> list[tuple[str, Kind] | None]:
    """What is said about each recipient."""
    return [_of_recipient(group) for group in _recipients(part) if group.get("action") or group.get("status")]


def _recipients(part: Message) -> list[Message]:
    inner = _inner(part)
    if not inner or _is_encoded(part):
        return _groups(_content(part))
    # The parser knows the groups of a delivery-status. Of its sister for addresses in other scripts (RFC 6533) all but the first
    # is to it the text of a message.
    return [*inner, *_groups(_content(inner[0]))] if part.get_content_type() == "message/global-delivery-status" else inner


def _mildest(said: Sequence[tuple[str, Kind] | None]) -> tuple[str, Kind] | None:
    """The mildest of it: behind a forwarding address one of two may have got the email."""
    failed = [one for one in said if one]
    return min(failed, key=lambda one: one[1] is Kind.HARD) if failed and len(failed) == len(said) else None


def _groups(content: bytes) -> list[Message]:
    blocks = content.replace(b"\r\n", b"\n").split(b"\n\n")
    return [_headers(block.lstrip(b"\n")) for block in blocks if block.strip()]


def _of_recipient(group: Message) -> tuple[str, Kind] | None:
    """What a group says that reports a failure; a delay is none yet: the mail server goes on trying (decision 0110)."""
    action = str(group.get("action", "failed")).strip().lower()
    if not action.startswith(_FAILED):
        return None
    status, _, comment = _AFTER_STATUS.sub("\n", str(group.get("status", "")).strip(), count=1).partition("\n")
    kind, told = statuses.of_code(status), f"{group.get('diagnostic-code', '')}\n{comment}"
    if kind is Kind.HARD and (is_of_relaying(told) or statuses.is_guess(status, told) or statuses.was_put_off(told)):
        return status, Kind.SOFT
    if kind is None or statuses.is_open(status):
        words = statuses.of_words(told)
        return (words[0] or status if kind else words[0], words[1]) if words else (status, kind) if kind else ("", Kind.SOFT)
    return status, kind


def _of_words(message: Message) -> tuple[str, Kind] | None:
    """Reports of their own shape (qmail, old Exim and Exchange, …): flufl.bounce knows them; the code stands in the words."""
    if _DELAYED.search(str(message.get("subject", ""))):
        return None  # some say so in a shape that flufl.bounce takes for a failure: the mail server goes on trying
    if not any(address for _, address in getaddresses(message.get_all("from", []))):
        del message["from"]
        message["From"] = "MAILER-DAEMON@nobody.invalid"  # without a sender flufl.bounce falls over
    _passing, permanent = all_failures(message)
    return (_of_people(message) or ("", Kind.HARD)) if permanent else None


def _of_people(message: Message) -> tuple[str, Kind] | None:
    return next(filter(None, map(statuses.of_letter, _words_for_people(message))), None)


def _words_for_people(message: Message) -> Iterator[str]:
    """What the parts for people say, up to where they quote our own email, which may speak of anything."""
    for part in _beside_ours(message):
        if part.get_content_maintype() == "text":
            words = _TAGS.sub(" ", _content(part)[:20_000].decode("utf-8", "replace"))
            yield _QUOTED.split(words, maxsplit=1)[0]
