"""File: a survey as an officer writes it down in TOML, read into a plan with every mistake named."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from intouch import legible
from intouch.errors import BadInput
from intouch.surveys import wording
from intouch.surveys.dates import Unusable, read_moment
from intouch.surveys.models import QuestionType
from intouch.surveys.plan import QuestionPlan, SurveyPlan

_KEYS = ("title", "why", "opens", "closes", "audience", "sounding_board", "questions")
_QUESTION_KEYS = ("text", "type", "options")
_AUDIENCE_KEYS = ("wards", "areas")
_TYPES = ", ".join(QuestionType)


class BadSurveyFile(BadInput):
    """The survey file has mistakes; ``mistakes`` holds one sentence for each, the error shows them line by line."""

    def __init__(self, filename: str, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(f"{filename}: {mistake}" for mistake in mistakes))


class _Reader:
    """Collects what is wrong while the values are read, so that one run names every mistake."""

    def __init__(self) -> None:
        self.mistakes: list[str] = []

    def wrong(self, key: str, sentence: str) -> None:
        self.mistakes.append(f"{key}: {sentence}")

    def known_keys(self, table: Mapping[str, Any], keys: tuple[str, ...], where: str = "") -> None:
        for key in table:
            if key not in keys:
                self.wrong(
                    f"{where}{wording.shorten(wording.printable(key), 40)}", f"is not a key In Touch knows; it knows {', '.join(keys)}"
                )

    def text(self, key: str, value: Any, limit: int, example: str) -> str:
        if value is None:
            self.wrong(key, f"is missing; write for example {example}")
        elif not isinstance(value, str):
            self.wrong(key, f"must be text in quotes; write for example {example}, not {_kind(value)}")
        else:
            return self._within(key, value, limit)
        return ""

    def _within(self, key: str, value: str, limit: int) -> str:
        text = wording.tidy_line(value)
        if legible.is_blank(text):
            self.wrong(key, "is empty; write at least a word")
        elif wording.length(text) > limit:
            self.wrong(key, f"is {wording.length(text):,} characters long; at most {limit:,} fit into a Telegram message")
        elif not wording.is_clean(text):
            self.wrong(key, "holds control characters that no message can show; remove them")
        return text

    def moment(self, key: str, value: Any, zone: ZoneInfo, *, ends: bool) -> datetime | None:
        try:
            return read_moment(value, zone, ends=ends)
        except Unusable as error:
            self.wrong(key, str(error))
            return None

    def names(self, key: str, value: Any, example: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.wrong(key, f"must be a list of texts; write for example [{example}]")
            return ()
        names = tuple(dict.fromkeys(wording.tidy_line(item) for item in value))
        if not names or not all(wording.is_clean(name) and not legible.is_blank(name) for name in names):
            self.wrong(
                key, f"must name at least one and no empty ones; write for example [{example}], or leave audience out for the whole city"
            )
        return names


def read_survey(text: str, *, filename: str, zone: ZoneInfo) -> SurveyPlan:
    """The plan in ``text``; raises ``BadSurveyFile`` naming file, key and what to write for every mistake at once."""
    try:
        values = tomllib.loads(text.removeprefix("\ufeff"))
    except RecursionError:
        raise BadSurveyFile(filename, ["is not a survey: its lists are nested too deeply"]) from None
    except ValueError as error:
        raise BadSurveyFile(filename, [f"is not valid TOML: {wording.shorten(wording.printable(str(error)), 200)}"]) from None
    reader = _Reader()
    plan = _plan(reader, values, zone, file_hash=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
    if reader.mistakes:
        raise BadSurveyFile(filename, reader.mistakes)
    return plan


def _plan(reader: _Reader, values: Mapping[str, Any], zone: ZoneInfo, *, file_hash: str) -> SurveyPlan:
    reader.known_keys(values, _KEYS)
    wards, areas = _audience(reader, values.get("audience"))
    title = reader.text("title", values.get("title"), wording.TITLE_LIMIT, '"Bins in Southwick"')
    why = reader.text("why", values.get("why"), wording.WHY_LIMIT, '"The council may change collection days."')
    opens = reader.moment("opens", values["opens"], zone, ends=False) if "opens" in values else None
    closes = reader.moment("closes", values.get("closes"), zone, ends=True)
    if opens and closes and closes <= opens:
        reader.wrong("closes", "is before the survey opens; write a later date, or an earlier one for opens")
    board = values.get("sounding_board", False)
    if not isinstance(board, bool):
        reader.wrong("sounding_board", f"must be true or false, not {_kind(board)}")
    questions = _questions(reader, values.get("questions"))
    # When the closing time is missing the mistake is noted, and the plan is never handed out.
    return SurveyPlan(title, why, closes or datetime.max.replace(tzinfo=zone), questions, opens, wards, areas, board is True, file_hash)


def _audience(reader: _Reader, value: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if value is None:
        return (), ()
    if not isinstance(value, dict):
        reader.wrong("audience", 'must be a table; write for example audience = { wards = ["E05016391"] }')
        return (), ()
    reader.known_keys(value, _AUDIENCE_KEYS, "audience.")
    if not set(value) & set(_AUDIENCE_KEYS):
        reader.wrong("audience", "names no wards and no areas; leave it out for the whole city")
    wards = reader.names("audience.wards", value["wards"], '"E05016391"') if "wards" in value else ()
    areas = reader.names("audience.areas", value["areas"], '"North"') if "areas" in value else ()
    return wards, areas


def _questions(reader: _Reader, value: Any) -> tuple[QuestionPlan, ...]:
    if not isinstance(value, list) or not value:
        reader.wrong("questions", "has no question; write at least one under a line that says [[questions]]")
        return ()
    if len(value) > wording.QUESTIONS_LIMIT:
        reader.wrong("questions", f"has {len(value)} questions; a pulse survey has at most {wording.QUESTIONS_LIMIT}")
        return ()
    return tuple(_question(reader, f"questions[{number}]", item) for number, item in enumerate(value, start=1))


def _question(reader: _Reader, where: str, value: Any) -> QuestionPlan:
    if not isinstance(value, dict):
        reader.wrong(where, "must be a table; write it under a line that says [[questions]]")
        return QuestionPlan("", QuestionType.TEXT)
    reader.known_keys(value, _QUESTION_KEYS, f"{where}.")
    text = reader.text(f"{where}.text", value.get("text"), wording.QUESTION_LIMIT, '"Should bins be emptied on Mondays?"')
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in set(QuestionType):
        said = f", not {wording.shorten(wording.printable(kind), 40)!r}" if isinstance(kind, str) else ""
        reader.wrong(f"{where}.type", f"must be one of {_TYPES}{said}")
        return QuestionPlan(text, QuestionType.TEXT)
    return QuestionPlan(text, QuestionType(kind), _options(reader, f"{where}.options", QuestionType(kind), value.get("options")))


def _options(reader: _Reader, where: str, kind: QuestionType, value: Any) -> tuple[str, ...]:
    name = {"single": "single-choice", "multiple": "multiple-choice"}.get(kind, kind.value)
    if kind in (QuestionType.SCALE, QuestionType.TEXT):
        if value is not None:
            reader.wrong(where, f"a {name} question has no options; leave this line out")
        return ()
    if value is None or value == []:
        reader.wrong(where, f"a {name} question needs at least two options")
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        reader.wrong(where, 'must be a list of texts; write for example ["Yes", "No"]')
        return ()
    options = tuple(reader.text(f"{where}[{number}]", item, wording.OPTION_LIMIT, '"Yes"') for number, item in enumerate(value, start=1))
    _check_options(lambda sentence: reader.wrong(where, sentence), name, options)
    return options


def _check_options(wrong: Callable[[str], None], name: str, options: tuple[str, ...]) -> None:
    if len(options) < 2:
        wrong(f"a {name} question needs at least two options")
    if len(options) > wording.OPTIONS_LIMIT:
        wrong(f"has {len(options)} options; at most {wording.OPTIONS_LIMIT} can be shown as buttons")
    if len(set(map(legible.look, options))) < len(options):
        wrong("the same option stands there twice; every option must be different")


def _kind(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a table", str: "text"}
    return names.get(type(value), "a date or time")
