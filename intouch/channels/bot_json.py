"""Bot JSON: what the Bot API and we say to each other, read and written by orjson, and what that refuses by the standard library."""

from __future__ import annotations

import json
from typing import Any

import orjson


def read(payload: bytes) -> Any:
    """The value in ``payload``; raises ``ValueError`` for what is no JSON. Half a pair of surrogates costs one character, not all."""
    try:
        return orjson.loads(payload)
    except ValueError:
        pass
    try:
        return json.loads(payload.decode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def write(value: Any) -> bytes:
    """``value`` as JSON; raises ``TypeError`` for what is none. Half a pair of surrogates, which is no UTF-8, is written as its number."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value).encode()
