"""Incoming: what people send, read once into our own words."""

from typing import Any

import pytest
import telegram

from intouch.bot import incoming
from intouch.bot.turn import Content


@pytest.mark.parametrize(
    ("text", "command", "rest"),
    [
        ("/start", "start", ""),
        ("/START@InTouchBot w_E05016391", "start", "w_E05016391"),
        ("/report\na hole\nin the road", "report", "a hole\nin the road"),
        ("/help\t", "help", ""),
        ("/", "", ""),
    ],
)
def test_a_command_ends_at_the_first_blank_or_line_break(text: str, command: str, rest: str) -> None:
    person = {"id": 7, "is_bot": False, "first_name": "Alice"}
    message = {"message_id": 1, "date": 0, "chat": {"id": 7, "type": "private"}, "from": person, "text": text}
    read = incoming.read({"update_id": 1, "message": message}).incoming
    assert read is not None and (read.command, read.text) == (command, rest)


@pytest.mark.parametrize(
    "beside",
    [
        {"reply_to_message": {"message_id": 5}},
        {"external_reply": {"origin": {"type": "a kind of next year"}}},
        {"forward_origin": {"type": "a kind of next year"}},
        {"entities": [{"type": "a kind of next year"}]},
        {"link_preview_options": 1},
        {"reply_markup": []},
        {"a_field_of_next_year": {"a": [1]}},
    ],
)
def test_a_message_is_understood_whatever_rides_beside_its_words(beside: dict[str, Any]) -> None:
    person = {"id": 7, "is_bot": False, "first_name": "Alice"}
    message = {"message_id": 1, "date": 0, "chat": {"id": 7, "type": "private"}, "from": person, "text": "/help"}
    read = incoming.read({"update_id": 1, "message": {**message, **beside}}).incoming
    assert read is not None and read.command == "help"


@pytest.mark.parametrize("kind", ["poll", "checklist", "gift", "paid_media", "story", "a_kind_of_next_year"])
def test_a_message_of_a_kind_that_nobody_knows_yet_is_something_else(kind: str) -> None:
    person = {"id": 7, "is_bot": False, "first_name": "Alice"}
    message = {"message_id": 1, "date": 0, "chat": {"id": 7, "type": "private"}, "from": person, kind: {"a_field_of_next_year": 1}}
    read = incoming.read({"update_id": 1, "message": message}).incoming
    assert read is not None and read.content is Content.OTHER


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("\u202eMallory", "Mallory"),
        ("Al\u0000ice\nB", "AliceB"),
        ("  Zoë  Ann ", "Zoë Ann"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_a_name_cannot_turn_a_sentence_round(given: str, plain: str) -> None:
    assert incoming.plain_name(given) == plain


PERSON = {"id": 7, "is_bot": False, "first_name": "Al\u202eice", "language_code": "cy"}
UNDER = {"message_id": 5, "date": 1, "chat": {"id": 7, "type": "private"}, "text": "Well?"}
TAP = {"id": "99", "from": PERSON, "message": UNDER, "chat_instance": "1", "data": "survey:pick:1:2"}


def _tap(**changed: Any) -> dict[str, Any]:
    return {"update_id": 3, "callback_query": {name: value for name, value in {**TAP, **changed}.items() if value is not None}}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"from": {"id": 7, "is_bot": False, "first_name": "Alice"}},
        {"data": ""},
        {"message": {**UNDER, "date": 0, "text": None}},
        {"message": {**UNDER, "reply_markup": {"inline_keyboard": [[{"text": "Yes", "callback_data": "x"}]]}}},
    ],
)
def test_a_tap_is_read_as_the_library_reads_it(changed: dict[str, Any]) -> None:
    body = _tap(**changed)
    quickly, slowly = incoming.read(body).incoming, incoming._incoming(telegram.Update.de_json(body, None))
    assert quickly == slowly
    assert quickly is not None and quickly.tap_id == "99" and quickly.first_name == "Alice"


def test_a_tap_counts_though_nothing_says_under_which_message_it_was() -> None:
    """As telegram-test-api brings it; the answer is then written below instead of in its place."""
    tap = incoming.read(_tap(message={"chat": UNDER["chat"]})).incoming
    assert tap is not None and (tap.tap_id, tap.data, tap.message_id) == ("99", ("survey", "pick", "1", "2"), None)


@pytest.mark.parametrize(
    "changed",
    [
        {"message": None, "inline_message_id": "1"},
        {"message": {**UNDER, "chat": {"id": -7, "type": "group", "title": "us"}}},
        {"from": {**PERSON, "is_bot": True}},
        {"from": None},
        {"message": {"message_id": 5}},
        {"data": None},
        {"id": None},
        {"from": {"id": "7", "first_name": None}},
    ],
)
def test_a_tap_that_is_unlike_others_is_read_as_the_library_reads_it_or_left_alone(changed: dict[str, Any]) -> None:
    body = _tap(**changed)
    try:
        expected = incoming._incoming(telegram.Update.de_json(body, None))
    except Exception:
        expected = None
    assert incoming.read(body) == incoming.Arrived(expected)
