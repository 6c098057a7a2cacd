"""Dkimpy as the judge of our signatures, with a DNS of our own."""

from __future__ import annotations

import base64
import logging
from types import SimpleNamespace

import dkim as dkimpy  # type: ignore[import-untyped]
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

from intouch.channels.dkim import Key

_QUIET = logging.getLogger("quiet")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class _VerifyKey:
    """Ed25519 for dkimpy, which would take it from PyNaCl; how a message is read and brought into form remains its own."""

    def __init__(self, key: bytes, encoder: object) -> None:
        self._key = ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(key))

    def verify(self, data: bytes, signature: bytes) -> bytes:
        self._key.verify(signature, data)
        return data


if not hasattr(dkimpy, "nacl"):
    dkimpy.nacl = SimpleNamespace(
        signing=SimpleNamespace(VerifyKey=_VerifyKey),
        encoding=SimpleNamespace(Base64Encoder=None),
        exceptions=SimpleNamespace(BadSignatureError=InvalidSignature, ValueError=ValueError),
    )


def verdicts(message: bytes, domain: str, *keys: Key) -> list[bool]:
    """What dkimpy says of each signature, from the top, when ``keys`` stand in the DNS of ``domain``."""
    records = {f"{key.host(domain)}.".encode(): key.published.encode() for key in keys}
    reader = dkimpy.DKIM(message, logger=_QUIET)
    found = []
    for number in range(message.count(b"DKIM-Signature:")):
        try:
            found.append(bool(reader.verify(number, dnsfunc=lambda name, timeout=5: records.get(name))))
        except dkimpy.DKIMException:
            found.append(False)
    return found
