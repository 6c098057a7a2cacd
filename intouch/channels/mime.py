"""Mime: a letter as the bytes of an email: text and HTML, headers folded, nothing smuggled in (RFC 5322, 2045–2047)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parseaddr
from functools import lru_cache

import idna

from intouch.channels import quoted_printable
from intouch.errors import BadInput
from intouch.letters import Letter

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]")
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+\Z")
_PLAIN_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+\Z")
_HEADER_NAME = re.compile(r"[!-9;-~]{1,76}\Z")
_LINE = 76
_HARD_LINE = 990  # RFC 5322 allows 998
UNFOLDED = _HARD_LINE // 4  # characters of a header that is not folded if it has no space: each may take four bytes
_ENCODED_BYTES = 39  # of an encoded word: with "Subject: " before it, it keeps to the 76 characters of RFC 2047


class BadHeader(BadInput):
    """A name, an address or a header holds what would break out of its line."""


@dataclass(frozen=True, slots=True)
class Body:
    """The part of a message that is the same for everybody who gets it: its MIME headers and its encoded content."""

    headers: bytes
    content: bytes


class Clean(tuple[bytes, ...]):
    """A message that we made line by line, in pieces: each line ends with CRLF and none begins with a dot, so it needs no stuffing.

    The pieces that are the same for all are there once, however many copies wait.
    """

    __slots__ = ()


Message = bytes | Clean


def whole(message: Message) -> bytes:
    """The message in one piece."""
    return b"".join(message) if isinstance(message, Clean) else message


def size(message: Message) -> int:
    """The length of the message in bytes."""
    return sum(map(len, message)) if isinstance(message, Clean) else len(message)


def compose(letter: Letter, *, sender: str, recipient: str, message_id: str, at: datetime, recipient_name: str = "") -> bytes:
    """The whole message. The same arguments give the same bytes, so a repeat is no new message."""
    shared = shared_headers(letter.subject, sender=sender, more=letter.headers)
    personal = personal_headers(recipient=recipient, message_id=message_id, at=at, recipient_name=recipient_name)
    body = encode_body(letter.text, letter.html)
    return b"".join((shared, personal, body.headers, b"\r\n", body.content))


def shared_headers(subject: str, *, sender: str, more: Mapping[str, str]) -> bytes:
    """The headers that do not say whom a message goes to."""
    lines = [
        _from(sender),
        header("Subject", phrase(" ".join(subject.split()))),
        header("Auto-Submitted", "auto-generated"),
        header("MIME-Version", "1.0"),
    ]
    return b"".join(lines) + extra_headers(more)


def personal_headers(*, recipient: str, message_id: str, at: datetime, recipient_name: str = "") -> bytes:
    """The headers of one recipient's copy."""
    if not recipient_name and len(recipient) <= _LINE - len("To: ") and _PLAIN_ADDRESS.match(recipient):
        to = f"To: {recipient}\r\n".encode()
    else:
        to = header("To", mailbox(recipient_name, recipient))
    return b"%b%bMessage-ID: %b\r\n" % (to, _date(at), message_id.encode())


def extra_headers(more: Mapping[str, str]) -> bytes:
    """Headers beyond those that every message has."""
    return b"".join(header(name, _checked(value)) for name, value in more.items())


def message_id(key: str, sender: str) -> str:
    """The Message-ID of the delivery ``key``: the same for ever, and it tells nothing."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{_domain(sender)}>"


@lru_cache(maxsize=16)
def _from(sender: str) -> bytes:
    return header("From", mailbox(*parseaddr(sender)))


@lru_cache(maxsize=16)
def _date(at: datetime) -> bytes:
    return header("Date", format_datetime(at.astimezone(UTC).replace(microsecond=0)))


@lru_cache(maxsize=16)
def _domain(sender: str) -> str:
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    return ascii_domain(domain)


def ascii_domain(domain: str) -> str:
    """A domain in the form that every mail server reads (``xn--…`` where it has other letters)."""
    if domain.isascii():
        return domain
    try:
        # Not Python's own codec: it knows the standard of 2003, to which straße.example is strasse.example, which is somebody else's.
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError:
        raise BadHeader("An email address has a domain that can't exist.") from None


def address_on_the_wire(address: str) -> str:
    """An address for MAIL, RCPT and headers: checked, its domain in ASCII; the part before the @ may need SMTPUTF8."""
    if _PLAIN_ADDRESS.match(address):
        return address
    local, at, domain = address.strip().rpartition("@")
    if not (local and at and domain) or _CONTROL.search(address) or any(sign in address for sign in '<>" ,;()'):
        raise BadHeader("An email address holds characters that no address can have.")
    return f"{local}@{ascii_domain(domain)}"


def mailbox(name: str, address: str) -> str:
    """``Name <address>``, quoted or encoded where it must be; line breaks in either are refused."""
    address = address_on_the_wire(address)
    name = _checked(name).strip()
    if not name:
        return address
    if _PLAIN_PHRASE.match(name) and "=?" not in name and len(name) < _LINE:
        return f"{name} <{address}>"
    if name.isascii() and "=?" not in name and len(name) < _LINE:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    return f"{_encoded(name)} <{address}>"


def phrase(text: str) -> str:
    """Free text for a header: as it is when it is short plain ASCII, else in encoded words (RFC 2047)."""
    text = _checked(text)
    fits = all(len(word) < _LINE for word in text.split(" "))
    return text if text.isascii() and fits and "=?" not in text else _encoded(text)


def header(name: str, value: str) -> bytes:
    """One header, folded at spaces; an address with letters beyond ASCII stays UTF-8 and needs SMTPUTF8."""
    if not _HEADER_NAME.match(name):
        raise BadHeader("A header has a name that no header can have.")
    text = f"{name}: {value}"
    if len(text) <= _LINE or (len(text) <= UNFOLDED and " " not in value):
        return f"{text}\r\n".encode()  # nothing to fold
    return b"\r\n ".join(line.encode() for line in _folded(text)) + b"\r\n"


def _folded(text: str) -> Iterator[str]:
    if len(text) <= _LINE:
        yield text
        return
    line = ""
    for word in text.split(" "):
        # The name of the header must not stand alone on its line, and a fold eats exactly one space.
        if line and word and len(line) + len(word) >= _LINE and not line.endswith(":"):
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
        if len(line.encode()) > _HARD_LINE:
            raise BadHeader("A header is too long for one line of an email.")
    yield line


def _encoded(text: str) -> str:
    """Encoded words of at most 75 characters, never cutting a character in two."""
    words, chunk = [], b""
    for character in text:
        piece = character.encode("utf-8", "replace")
        if len(chunk) + len(piece) > _ENCODED_BYTES:
            words.append(chunk)
            chunk = b""
        chunk += piece
    return " ".join(f"=?utf-8?b?{base64.b64encode(word).decode()}?=" for word in (*words, chunk))


def _checked(text: str) -> str:
    if _CONTROL.search(text):
        raise BadHeader("A name or a header of an email holds a line break or another control character.")
    return text


def encode_body(text: str, html: str) -> Body:
    """multipart/alternative, plain text first. The boundary comes from the content, so that the bytes never vary."""
    return body_of(quoted_printable.whole(text), quoted_printable.whole(html))


def body_of(*parts: bytes) -> Body:
    """The parts, which are quoted-printable already, as one body."""
    # "=_" can't occur in quoted-printable, so no content can hold the boundary.
    boundary = f"=_{hashlib.sha256(b''.join(parts)).hexdigest()[:32]}"
    content = b"".join(_part(boundary, kind, part) for kind, part in zip(("plain", "html"), parts, strict=True))
    return Body(
        headers=f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'.encode(),
        content=content + f"--{boundary}--\r\n".encode(),
    )


def _part(boundary: str, kind: str, content: bytes) -> bytes:
    head = f"--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return head.encode() + content
