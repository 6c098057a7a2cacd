"""Incoming: what people send, read once into our own words."""

import pytest
import telegram

from intouch.bot import incoming


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
    update = telegram.Update.de_json({"update_id": 1, "message": message}, None)
    read = incoming.read(update)
    assert read is not None and (read.command, read.text) == (command, rest)


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
