"""Filling in: what an answer says, and what a response says after it; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from intouch.errors import BadInput, NotFound
from intouch.surveys import questionnaires, wording
from intouch.surveys.models import AnswerKind, QuestionType
from intouch.surveys.questionnaires import Questionnaire, QuestionView, Said
from intouch.surveys.taking_part import Asked, Pair

_FITTING = {
    QuestionType.SINGLE: AnswerKind.OPTION,
    QuestionType.MULTIPLE: AnswerKind.OPTION,
    QuestionType.SCALE: AnswerKind.SCALE,
    QuestionType.TEXT: AnswerKind.TEXT,
}
_WITHOUT_CONTENT = (AnswerKind.DONT_KNOW, AnswerKind.SKIP)


class Way(Enum):
    """What an answer does to the one before."""

    ANSWER = auto()  # it replaces it; of several choices it is added to those made already
    EXACTLY = auto()  # it replaces all, as a form does that shows all choices at once
    TAKE_BACK = auto()  # it takes one of several choices back


@dataclass(frozen=True)
class Given:
    """One answer as somebody gives it.

    ``survey_id`` None: whichever survey asks this question. ``kind`` None: a tap on a choice, of whichever kind the question has.
    ``choices``: ids of options, or a step of the scale.
    """

    resident_id: int
    question_id: int
    kind: AnswerKind | None
    choices: tuple[int, ...] = ()
    words: str | None = None
    way: Way = Way.ANSWER
    survey_id: int | None = None


def read(given: Given, question: QuestionView) -> Mapping[int, Said]:
    """What is said, by choice (0 where nothing is chosen); raises why it is no answer to this question."""
    kind = given.kind or (AnswerKind.SCALE if question.type is QuestionType.SCALE else AnswerKind.OPTION)
    if given.way is Way.TAKE_BACK and question.type is not QuestionType.MULTIPLE:
        raise gone()
    if kind in _WITHOUT_CONTENT:
        return {0: Said(kind)}
    if kind is not _FITTING[question.type]:
        raise gone()
    if kind is AnswerKind.TEXT:
        return {0: Said(kind, _words(given.words))}
    return dict.fromkeys(_choices(given, question), Said(kind))


def fill_in(before: Mapping[int, Said], given: Given, question: QuestionView) -> Mapping[int, Said]:
    """What the response says to the question after this answer, where it said ``before``."""
    said = read(given, question)
    if given.way is Way.TAKE_BACK:
        return {choice: one for choice, one in before.items() if choice not in said}
    is_added = given.way is Way.ANSWER and question.type is QuestionType.MULTIPLE and 0 not in said
    kept = {choice: one for choice, one in before.items() if is_added and one.kind is AnswerKind.OPTION}
    return {**kept, **said}


@dataclass
class Paper:
    """One resident's response to one survey while answers are written into it; ``question`` is the one that is answered."""

    blank: Questionnaire
    asked: Asked
    question: QuestionView
    response_id: int = 0
    finished_at: datetime | None = None
    before: dict[int, Mapping[int, Said]] = field(default_factory=dict)  # by question
    after: dict[int, Mapping[int, Said]] = field(default_factory=dict)
    _shown: Questionnaire | None = None

    @property
    def key(self) -> Pair:
        """Survey and resident: there is one response of them."""
        return self.blank.survey_id, self.asked.resident_id

    def hold(self, response_id: int, finished_at: datetime | None, said: Mapping[int, Mapping[int, Said]]) -> None:
        """Begin with what the response says, by question and choice."""
        self.response_id, self.finished_at = response_id, finished_at
        self.before, self.after = dict(said), dict(said)

    def fill_in(self, given: Given, question: QuestionView) -> None:
        """Write one answer in."""
        self.after[question.id] = fill_in(self.after.get(question.id, {}), given, question)
        self._shown = None

    def questionnaire(self) -> Questionnaire:
        """The survey as it stands after the answers that were written into it."""
        if self._shown is None:
            self._shown = questionnaires.with_answers(self.blank, self.after)
        return self._shown

    def taken_away(self) -> list[dict[str, object]]:
        """What names the rows that are no longer said."""
        return [self._names(row) for row in self._rows(self.before) if row not in self._rows(self.after)]

    def added(self, now: datetime) -> list[dict[str, object]]:
        """The rows that are said newly."""
        new = [row for row in self._rows(self.after) if row not in self._rows(self.before)]
        return [{**self._names(row), "kind": row[2].kind, "words": row[2].words, "answered_at": now} for row in new]

    def standing(self, now: datetime) -> dict[str, object]:
        """How far the response has come; it is finished once every question has an answer."""
        is_finished = self.questionnaire().is_finished
        return {"key": self.response_id, "updated_at": now, "finished_at": (self.finished_at or now) if is_finished else None}

    def _names(self, row: tuple[int, int, Said]) -> dict[str, object]:
        return {"response_id": self.response_id, "question_id": row[0], "choice": row[1]}

    @staticmethod
    def _rows(said: Mapping[int, Mapping[int, Said]]) -> list[tuple[int, int, Said]]:
        return [(question_id, choice, one) for question_id, choices in said.items() for choice, one in choices.items()]


def _choices(given: Given, question: QuestionView) -> tuple[int, ...]:
    if not given.choices:
        raise BadInput("Please choose at least one answer, or tap “Skip”.")
    if question.type is not QuestionType.MULTIPLE and len(set(given.choices)) > 1:
        raise BadInput("Please choose one answer only.")
    if not set(given.choices) <= {choice.id for choice in question.choices}:
        raise gone()
    return given.choices


def _words(words: str | None) -> str:
    said = wording.printable(words or "").strip()
    if not said:
        raise BadInput("Please write your answer in words, or tap “Skip”.")
    if len(said) > wording.WORDS_LIMIT:
        limit = f"{wording.WORDS_LIMIT:,}"
        raise BadInput(f"That is {len(said):,} characters long. Please say it in {limit} or fewer, and send it again. Nothing was stored.")
    return said


def gone() -> NotFound:
    """The error for a question that nobody asks."""
    return NotFound("That question isn't there any more. Send /survey to see what you can answer now.")
