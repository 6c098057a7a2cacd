"""Survey files: what is written is read, and every mistake is named by file and key."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intouch.surveys.file import BadSurveyFile, read_survey
from intouch.surveys.models import QuestionType
from intouch.surveys.plan import SurveyPlan

LONDON = ZoneInfo("Europe/London")
GOOD = """
title = "Bins in Southwick"
why = "The council may change collection days."
closes = 2026-12-05T18:00:00     # council time; opens, audience, sounding_board are optional too
audience = { wards = ["E05016391"] }   # or areas = [...]; left out: the whole city
[[questions]]
text = "Should bins be emptied on Mondays?"
type = "single"                  # single, multiple, scale, text
options = ["Yes, Mondays", "No, keep Fridays"]
"""


def read(text: str) -> SurveyPlan:
    return read_survey(text, filename="bins.toml", zone=LONDON)


def mistakes(text: str) -> list[str]:
    with pytest.raises(BadSurveyFile) as caught:
        read(text)
    assert all(line.startswith("bins.toml: ") for line in str(caught.value).splitlines())
    return caught.value.mistakes


def test_the_example_of_the_readme_is_read() -> None:
    plan = read(GOOD)
    assert (plan.title, plan.why) == ("Bins in Southwick", "The council may change collection days.")
    assert plan.closes_at == datetime(2026, 12, 5, 18, tzinfo=UTC) and plan.opens_at is None
    assert (plan.wards, plan.areas, plan.is_for_sounding_board) == (("E05016391",), (), False)
    assert [(q.text, q.type, q.options) for q in plan.questions] == [
        ("Should bins be emptied on Mondays?", QuestionType.SINGLE, ("Yes, Mondays", "No, keep Fridays"))
    ]


def test_the_same_text_has_the_same_hash_and_another_another() -> None:
    assert read(GOOD).file_hash == read(GOOD).file_hash != read(GOOD + "# changed").file_hash


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ('type = "single" ', 'type = "singel" ', "questions[1].type: must be one of single, multiple, scale, text, not 'singel'"),
        ('type = "single" ', "type = 5 ", "questions[1].type: must be one of single, multiple, scale, text"),
        ('["Yes, Mondays", "No, keep Fridays"]', "[]", "questions[1].options: a single-choice question needs at least two options"),
        ('["Yes, Mondays", "No, keep Fridays"]', '["Yes"]', "questions[1].options: a single-choice question needs at least two options"),
        ('["Yes, Mondays", "No, keep Fridays"]', '["Yes", "yes "]', "questions[1].options: the same option stands there twice"),
        ('["Yes, Mondays", "No, keep Fridays"]', '["Yes", 5]', "questions[1].options: must be a list of texts"),
        ('["Yes, Mondays", "No, keep Fridays"]', '"Yes"', "questions[1].options: must be a list of texts"),
        ('["Yes, Mondays", "No, keep Fridays"]', f'["Yes", "{"x" * 101}"]', "questions[1].options[2]: is 101 characters long; at most 100"),
        ('["Yes, Mondays", "No, keep Fridays"]', str([str(n) for n in range(11)]), "questions[1].options: has 11 options; at most 10"),
        ('"single" ', '"scale" ', "questions[1].options: a scale question has no options"),
        ('"single" ', '"text" ', "questions[1].options: a text question has no options"),
        ("Should bins be", "x" * 300, "questions[1].text: is 3"),
        ('"Bins in Southwick"', '""', "title: is empty"),
        ('"Bins in Southwick"', "7", "title: must be text in quotes"),
        ('"Bins in Southwick"', '"a\\u0000b"', "title: holds control characters"),
        ('"Bins in Southwick"', '"\\u200b\\u2060"', "title: is empty"),
        ('"Bins in Southwick"', '"Bins\\u202e in"', "title: holds control characters"),
        ('"Yes, Mondays"', '"\\u3164"', "questions[1].options[1]: is empty"),
        ('"No, keep Fridays"', '"yes, Mondays\\u200b"', "questions[1].options: the same option stands there twice"),
        ('["E05016391"]', '["\\u200b"]', "audience.wards: must name at least one and no empty ones"),
        ("2026-12-05T18:00:00", '"2026-12-05"', "closes: must be a date without quotes"),
        ("2026-12-05T18:00:00", "18:00:00", "closes: must be a date, or a date and a time"),
        ("2026-12-05T18:00:00", "0001-01-01T00:00:00", "closes: is in the year 1"),
        ("2026-12-05T18:00:00", "2027-03-28T01:30:00", "closes: 1:30 am does not exist on Sunday 28 March 2027"),
        ("title", "tilte", "title: is missing"),
        ("title", "tilte", "tilte: is not a key In Touch knows"),
        ("wards =", "ward =", "audience.ward: is not a key In Touch knows"),
        ('["E05016391"]', "[]", "audience.wards: must name at least one"),
        ('["E05016391"]', '"E05016391"', "audience.wards: must be a list of texts"),
        ('{ wards = ["E05016391"] }', '"Southwick"', "audience: must be a table"),
        ("[[questions]]", "[[question]]", "questions: has no question"),
        ("why =", "sounding_board = 1\nwhy =", "sounding_board: must be true or false, not a number"),
        ("why =", "opens = 2026-12-05T18:00:00\nwhy =", "closes: is before the survey opens"),
        ("why =", "opens = 2027-01-01\nwhy =", "closes: is before the survey opens"),
    ],
)
def test_a_mistake_is_named_by_its_key(old: str, new: str, mistake: str) -> None:
    assert old in GOOD
    assert any(found.startswith(mistake) for found in mistakes(GOOD.replace(old, new, 1))), mistakes(GOOD.replace(old, new, 1))


def test_all_mistakes_are_named_at_once() -> None:
    found = mistakes("colour = 1\n[[questions]]\ntype = 'single'\n[[questions]]\ntext = 'Why?'\ntype = 'many'")
    assert [line.split(":")[0] for line in found] == [
        "colour", "title", "why", "closes", "questions[1].text", "questions[1].options", "questions[2].type",
    ]  # fmt: skip


def test_what_is_not_toml_is_named_with_its_line() -> None:
    assert "line 2" in mistakes("title = 'x'\nwhy = \n")[0]
    assert mistakes("x = " + "[" * 5000)[0].startswith("is not")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-07-01T18:00:00", datetime(2026, 7, 1, 17, tzinfo=UTC)),
        ("2026-07-01T18:00:00+02:00", datetime(2026, 7, 1, 16, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 7, 1, 22, 59, tzinfo=UTC)),
        # Half past one comes twice: the survey closes the second time.
        ("2026-10-25T01:30:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ("2027-03-28T02:00:00", datetime(2027, 3, 28, 1, tzinfo=UTC)),
    ],
)
def test_closing_is_in_council_time(written: str, meant: datetime) -> None:
    assert read(GOOD.replace("2026-12-05T18:00:00", written)).closes_at == meant


def test_opening_in_the_hour_that_comes_twice_is_the_first() -> None:
    assert read(GOOD.replace("why", "opens = 2026-10-25T01:30:00\nwhy")).opens_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


_values = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text(), st.datetimes(), st.dates(), st.times()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=8,
)
_keys = st.one_of(st.sampled_from(["title", "why", "opens", "closes", "audience", "sounding_board", "questions"]), st.text(max_size=10))


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = "".join(c if c.isascii() and (c.isalnum() or c == " ") else f"\\U{ord(c):08x}" for c in value)
        return f'"{escaped}"'
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)


def _is_plan_or_sentences(text: str) -> bool:
    try:
        return bool(read(text).questions)
    except BadSurveyFile as error:
        return bool(error.mistakes) and all(error.mistakes)


@given(st.dictionaries(_keys, _values, max_size=6))
def test_any_toml_is_read_or_refused_with_sentences(values: dict[str, Any]) -> None:
    assert _is_plan_or_sentences("\n".join(f"{_toml(key)} = {_toml(value)}" for key, value in values.items()))


@given(st.text())
def test_any_text_is_read_or_refused_with_sentences(text: str) -> None:
    assert _is_plan_or_sentences(text)
