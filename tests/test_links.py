"""Links: many made at once are the same as each made alone, and nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from intouch.links import Links

LINKS = Links(b"a-key-for-tests", "https://intouch.example")
LONG_KEY = Links(b"longer than a block of SHA-256 " * 3, "https://intouch.example")
NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)

values = st.lists(st.one_of(st.integers(0, 2**40), st.text(max_size=20)), max_size=4)


@given(values, st.integers(0, 2**40), values)
@example([], 7, ["digest"])
def test_a_stamp_makes_the_token_that_is_made_alone(before: list[int | str], number: int, after: list[int | str]) -> None:
    for links in (LINKS, LONG_KEY):
        stamp = links.stamp("answer", *before, after=after)
        for each in (number, number + 1):
            assert stamp(each).decode() == links.token("answer", *before, each, *after)
        assert links.read("answer", stamp(number).decode(), now=NOW) == [*before, number, *after]
