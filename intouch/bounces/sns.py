"""SNS: whether a message really comes from Amazon's notification service: its signature and its certificate's address."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from intouch.errors import NotAllowed

Fetch = Callable[[str], Awaitable[bytes]]

_HOST = re.compile(r"sns\.[a-z0-9-]{2,40}\.amazonaws\.com(\.cn)?\Z")
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED: Mapping[str, tuple[str, ...]] = {
    "Notification": _NOTIFICATION,
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
# Amazon signs with SHA-1 unless the topic asks for version 2; docs/decisions/0112.
_HASHES: Mapping[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303
_MOST_CERTIFICATES = 20


class NotFromAmazon(NotAllowed):
    """The message is not signed by Amazon, or not about a topic of ours."""


def is_amazons(url: str) -> bool:
    """Whether an address is one of the notification service itself."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and parts.netloc == parts.hostname and _HOST.match(parts.netloc) is not None
    except ValueError:
        return False


class Notary:
    """Checks signatures; keeps the certificates that it fetched."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._certificates: dict[str, x509.Certificate] = {}

    async def check(self, message: Mapping[str, Any], topics: frozenset[str], *, now: datetime) -> None:
        """Raises ``NotFromAmazon`` unless Amazon signed this message for one of ``topics``; its fetch may fail with ``OSError``."""
        kind, version, url = (str(message.get(name, "")) for name in ("Type", "SignatureVersion", "SigningCertURL"))
        if str(message.get("TopicArn")) not in topics:
            raise NotFromAmazon("This is not about a topic in INTOUCH_SES_TOPICS.")
        if kind not in _SIGNED or version not in _HASHES or not (is_amazons(url) and urlsplit(url).path.endswith(".pem")):
            raise NotFromAmazon("This is not signed the way Amazon signs.")
        certificate = await self._certificate(url)
        key = certificate.public_key()
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc or not isinstance(key, rsa.RSAPublicKey):
            self._certificates.pop(url, None)
            raise NotFromAmazon("The certificate has run out, or is of another kind.")
        try:
            signature = base64.b64decode(str(message.get("Signature", "")), validate=True)
            key.verify(signature, to_sign(message), padding.PKCS1v15(), _HASHES[version])
        except (InvalidSignature, ValueError):
            raise NotFromAmazon("The signature does not fit.") from None

    async def _certificate(self, url: str) -> x509.Certificate:
        found = self._certificates.get(url)
        if found is None:
            try:
                found = x509.load_pem_x509_certificate(await self._fetch(url))
            except ValueError:
                raise NotFromAmazon("The certificate can't be read.") from None
            if len(self._certificates) >= _MOST_CERTIFICATES:
                self._certificates.clear()
            self._certificates[url] = found
        return found


def to_sign(message: Mapping[str, Any]) -> bytes:
    """The text that Amazon signs: names and values in order, a line each; a subject only where there is one."""
    names = [name for name in _SIGNED[message["Type"]] if message.get(name) is not None]
    return "".join(f"{name}\n{message[name]}\n" for name in names).encode("utf-8", "replace")
