"""What people write is kept as they wrote it, but for what breaks a database or turns a page around."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intouch.errors import BadInput
from intouch.issues import wording


@pytest.mark.parametrize("text", ["Mess & <b>more</b>", "👩‍👩‍👧‍👦 🕳️", "زجاج مكسور", "*not* _Markdown_ [x](y)", "one\ntwo\n\nthree", "קבר"])
def test_words_of_any_kind_are_kept_as_they_are(text: str) -> None:
    assert wording.within(text, 100, what="it") == text


def test_what_breaks_a_database_or_turns_a_page_around_is_taken_out() -> None:
    assert wording.cleaned(" a\x00b\ud800c\u202ed\u2066e\x1b\n\n\n\n\nf ") == "abcde\n\nf"


@pytest.mark.parametrize("text", ["", "  \n ", "\u200b\u200d", "\x00", "\ufeff \u2060"])
def test_text_without_anything_to_see_is_asked_for_again(text: str) -> None:
    with pytest.raises(BadInput, match="the place"):
        wording.within(text, 100, what="the place")


def test_a_message_that_is_too_long_is_told_by_how_much() -> None:
    with pytest.raises(BadInput, match=r"4,096 characters long, and 1,500 is the most"):
        wording.within("x" * 4096, 1500, what="the description")


@given(st.text(st.characters(codec=None)))
def test_cleaned_text_can_always_be_stored(text: str) -> None:
    cleaned = wording.cleaned(text)
    assert "\x00" not in cleaned.encode().decode()
    assert wording.cleaned(cleaned) == cleaned
