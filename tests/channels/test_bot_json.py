"""The Bot API's JSON: as the standard library reads and writes it, half characters and all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from intouch.channels import bot_json

_TEXT = st.text(st.characters())  # with surrogates, of which Telegram's own texts are made
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES)
def test_what_is_written_is_read_by_everybody_as_it_was(value: Any) -> None:
    written = bot_json.write(value)
    assert json.loads(written) == value


@example([[], -(2**63) - 1])
@example({"": [2**64, 2**64 - 1, "\ud83d"]})
@given(_VALUES)
def test_what_others_write_is_read_as_it_was_but_for_numbers_that_no_update_has(value: Any) -> None:
    for is_ascii in (True, False):
        text = json.dumps(value, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
        as_text = text.decode("utf-8", "replace")
        assert bot_json.read(text) in (json.loads(as_text), json.loads(as_text, parse_int=_as_orjson_reads))


def _as_orjson_reads(digits: str) -> int | float:
    """A whole number of 64 bits is one; a larger one becomes a float, wherever in the value it stands."""
    return int(digits) if -(2**63) <= int(digits) < 2**64 else float(digits)


def test_half_a_character_costs_no_more_than_itself() -> None:
    assert bot_json.read(b'{"text": "a \\ud83d b"}') == {"text": "a \ud83d b"}
    assert bot_json.read(b'{"text": "caf\xe9"}') == {"text": "caf\ufffd"}
    assert bot_json.write({"text": "\ud83d"}) == b'{"text": "\\ud83d"}'


@pytest.mark.parametrize("payload", [b"", b"{", b"<html>", b"[" * 100_000, b'{"a": 1} x'])
def test_what_is_no_json_is_a_value_error(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"nested|Expecting|Extra"):
        bot_json.read(payload)
