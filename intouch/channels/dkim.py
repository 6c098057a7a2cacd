"""Dkim: signs a finished email with the council's keys (RFC 6376, RFC 8463), so that its receivers know who wrote it."""

from __future__ import annotations

import base64
import hashlib
import re
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from intouch.channels import mime
from intouch.errors import InTouchError
from intouch.settings import Settings

# Named once more than they stand there, so that nobody can add a second one under our signature.
SEALED = ("from", "to", "subject", "date", "message-id", "reply-to", "content-type", "list-unsubscribe", "list-unsubscribe-post")
ALSO_SIGNED = ("mime-version", "content-transfer-encoding", "list-id", "feedback-id", "auto-submitted")
SHORTEST_RSA = 1024  # RFC 8301: verifiers need not look at shorter ones
GOOD_RSA = 2048

_FOLD = re.compile(rb"\r\n(?=[ \t])")
_SPACES = re.compile(rb"[ \t]+")
_ODD_SPACES = re.compile(rb"[ \t]{2,}|\t")
_TRAILING_SPACES = re.compile(rb"[ \t]+(?=\r\n)")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?\Z")

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class BadKey(InTouchError):
    """A DKIM key cannot be used; the sentence names its file and never what is in it."""


@dataclass(frozen=True, slots=True)
class Key:
    """One loaded key and the name under which its public half stands in DNS."""

    selector: str
    algorithm: str  # "rsa" or "ed25519"
    bits: int
    sign: Callable[[bytes], bytes]
    published: str  # the TXT record

    def host(self, domain: str) -> str:
        """Where the record belongs."""
        return f"{self.selector}._domainkey.{domain}"


def keys(setting: str) -> tuple[Key, ...]:
    """The keys of ``selector=file`` pairs, separated by commas; ``BadKey`` when one can't be used."""
    found: list[Key] = []
    for entry in filter(None, (part.strip() for part in setting.split(","))):
        selector, equals, path = entry.partition("=")
        if not equals or not _NAME.match(selector.strip()):
            raise BadKey("INTOUCH_DKIM_KEYS is not selector=file; write for example `intouch=rsa.pem,intouch2=ed25519.pem`.")
        found.append(load(selector.strip(), Path(path.strip())))
    if len({key.selector for key in found}) < len(found):
        raise BadKey("INTOUCH_DKIM_KEYS names one selector twice; each key has its own record in DNS, and so its own selector.")
    return tuple(found)


def load(selector: str, path: Path) -> Key:
    """The key in a PEM file."""
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise BadKey(f"The DKIM key {path} can't be read ({error.strerror}). Check INTOUCH_DKIM_KEYS and the file's owner.") from None
    try:
        loaded = serialization.load_pem_private_key(pem, None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        # Their text may quote the file.
        raise BadKey(f"{path} is no private key in PEM form without a password. Make one with `openssl genrsa -out FILE 2048`.") from None
    if not isinstance(loaded, PrivateKey):
        raise BadKey(f"{path} holds a kind of key that DKIM does not know: it takes RSA and Ed25519.")
    return of(selector, loaded, name=str(path))


def of(selector: str, private: PrivateKey, *, name: str = "This key") -> Key:
    """A private key that is loaded already, made ready for signing."""
    if isinstance(private, ed25519.Ed25519PrivateKey):
        raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        # RFC 8463: what is signed is the hash, not the headers themselves.
        return Key(selector, "ed25519", 256, lambda data: private.sign(hashlib.sha256(data).digest()), _record("ed25519", raw))
    if private.key_size < SHORTEST_RSA:
        raise BadKey(f"{name} has {private.key_size} bits; mail servers take no RSA key with fewer than {SHORTEST_RSA}. Use {GOOD_RSA}.")
    public = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    pkcs1, sha256 = padding.PKCS1v15(), hashes.SHA256()
    return Key(selector, "rsa", private.key_size, lambda data: private.sign(data, pkcs1, sha256), _record("rsa", public))


def _record(kind: str, public: bytes) -> str:
    return f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}"


class Signer:
    """Signs with every key it has. The same message always gets the same signatures, so a repeat stays the same message."""

    def __init__(self, domain: str, keys: Iterable[Key]) -> None:
        self.domain = domain
        self.keys = tuple(keys)
        if not _NAME.match(domain) or "." not in domain:
            raise BadKey("INTOUCH_DKIM_DOMAIN is not a domain; leave it empty for the domain of INTOUCH_EMAIL_FROM.")

    def sign(self, message: bytes) -> bytes:
        """``message`` (CRLF) with one DKIM-Signature for each key in front of it."""
        head, gap, body = message.partition(b"\r\n\r\n")
        if not gap:
            raise ValueError("a message without a body can't be signed")
        names, signed = _headers(head)
        body_hash = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest())
        return b"".join((*(self._signature(key, names, signed, body_hash) for key in self.keys), message))

    def _signature(self, key: Key, names: list[bytes], signed: bytes, body_hash: bytes) -> bytes:
        start = f"v=1; a={key.algorithm}-sha256; c=relaxed/relaxed; d={self.domain};\r\n s={key.selector};\r\n h=".encode()
        tags = b"".join((start, _folded_list(names), b";\r\n bh=", body_hash, b";\r\n b="))
        own = b"dkim-signature:" + tags.replace(b"\r\n", b"")
        written = textwrap.wrap(base64.b64encode(key.sign(signed + own)).decode(), 72)
        return b"".join((b"DKIM-Signature: ", tags, "\r\n ".join(written).encode(), b"\r\n"))


def signer(settings: Settings) -> Signer | None:
    """The signer that the settings describe; none where they name no key."""
    found = keys(settings.dkim_keys)
    domain = settings.dkim_domain or parseaddr(settings.email_from)[1].rpartition("@")[2]
    return Signer(mime.ascii_domain(domain.lower()), found) if found else None


def _headers(head: bytes) -> tuple[list[bytes], bytes]:
    """The names for ``h=`` and the headers that they stand for, in relaxed form; several of one name from the last up."""
    found: dict[bytes, list[bytes]] = {}
    for line in _FOLD.sub(b"", head).split(b"\r\n"):
        name, _, value = line.partition(b":")
        name = name.strip().lower()
        found.setdefault(name, []).insert(0, name + b":" + _SPACES.sub(b" ", value).strip(b" ") + b"\r\n")
    names: list[bytes] = []
    signed: list[bytes] = []
    for name in (word.encode() for word in (*SEALED, *ALSO_SIGNED)):
        there = found.get(name, [])
        names += [name] * (len(there) + (name.decode() in SEALED))
        signed += there
    return names, b"".join(signed)


def _folded_list(names: list[bytes]) -> bytes:
    lines, line = [], b""
    for name in names:
        if len(line) + len(name) > 66:
            lines.append(line + b":")
            line = b""
        line = line + b":" + name if line else name
    return b"\r\n ".join((*lines, line))


def relaxed_body(body: bytes) -> bytes:
    """RFC 6376, 3.4.4: runs of spaces are one, none at the end of a line, no empty lines at the end."""
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    # Quoted-printable of ours hardly ever holds any: three searches cost far less than two substitutions.
    if b"  " in body or b"\t" in body or b" \r\n" in body:
        body = _ODD_SPACES.sub(b" ", _TRAILING_SPACES.sub(b"", body))
    while body.endswith(b"\r\n\r\n"):
        body = body[:-2]
    return b"" if body == b"\r\n" else body
