"""Legible: what is there to see in a text, and what would rule the screen that it is shown on."""

import pytest

from intouch import legible


@pytest.mark.parametrize("text", ["", " \t\n", "\u200b\u200d\u2060\ufeff", "\u3164", "\u2800", "\u0301", "\ufe0f", "\u202e", "\U000e0020"])
def test_nothing_to_see_is_blank(text: str) -> None:
    assert legible.is_blank(text)


@pytest.mark.parametrize("text", ["a", "1", "👍🏽", "?", "ß\u200b", "日本", "\u200fשלום", "é"])
def test_anything_to_see_is_not(text: str) -> None:
    assert not legible.is_blank(text)


def test_what_looks_the_same_is_the_same() -> None:
    assert legible.look("Yes\u200b") == legible.look("yes") != legible.look("no")


def test_a_terminal_is_not_ruled_by_what_people_wrote() -> None:
    assert legible.for_terminal("Lamp\x1b[2J\x9b31m\u202e out\n\tnow") == "Lamp\ufffd[2J\ufffd31m\ufffd out\n\tnow"
