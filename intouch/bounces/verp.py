"""VERP: a return path of its own for each email, signed, so that a report says which one it is about and can't be made up."""

from __future__ import annotations

import base64
import hmac
import re

_SIGNATURE_BYTES = 10
# Lower case only: some mail servers do not keep the case of a return path. No delivery has a number beyond 64 bits.
_TOKEN = re.compile(r"([1-9]\d{0,18})\.([a-z2-7]{16})\Z")
# What a relay puts before the return path of whatever leaves, to know its own bounces (BATV); not every one takes it off again.
_TAG = re.compile(r"\A(?:(?:ms)?prvs1?=[a-z0-9]{1,40}=|btv1==[a-z0-9]{1,40}==)")


class ReturnPath:
    """Return paths under one address: ``bounce@x.example`` gives ``bounce+12.k5sa…@x.example`` for delivery 12."""

    def __init__(self, address: str, key: bytes) -> None:
        self.address = address.strip().lower()
        self._local, _, self._domain = self.address.rpartition("@")
        self._key = key

    def of(self, delivery_id: int) -> str:
        """The return path of a delivery: the same for ever."""
        return f"{self._local}+{delivery_id}.{self._signature(delivery_id)}@{self._domain}"

    def delivery_of(self, address: str) -> int | None:
        """The delivery whose return path this is; None when it is none of ours, or made up."""
        local, _, domain = address.strip().strip("<>").lower().rpartition("@")
        local = _TAG.sub("", local)
        prefix = f"{self._local}+"
        found = _TOKEN.match(local.removeprefix(prefix)) if domain == self._domain and local.startswith(prefix) else None
        if found is None:
            return None
        delivery_id = int(found[1])
        return delivery_id if hmac.compare_digest(found[2].encode(), self._signature(delivery_id).encode()) else None

    def receives(self, address: str) -> bool:
        """Whether mail to this address is for us: a return path that we made, or the plain address, for feedback loops."""
        return address.strip().strip("<>").lower() == self.address or self.delivery_of(address) is not None

    def _signature(self, delivery_id: int) -> str:
        digest = hmac.digest(self._key, f"return path:{delivery_id}".encode(), "sha256")
        return base64.b32encode(digest[:_SIGNATURE_BYTES]).decode().lower()
