"""Table: a survey's results as flat rows, for a spreadsheet or another program; numbers that are hidden stay so."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from intouch.surveys.results import PlaceResults, QuestionResult, SurveyResults

# In every row, as rows are sorted, cut out and pasted elsewhere.
NOTE = "The people who answered chose to take part, so others may think differently."
DONT_KNOW, SKIPPED = "(don't know)", "(skipped)"
_ROUNDED = 4


@dataclass(frozen=True)
class Line:
    """One answer in one place. ``count`` and what follows are None where they are hidden."""

    level: str
    place: str
    asked: int | None
    answered: int | None
    question: int
    text: str
    answer: str
    gave_an_opinion: int | None
    count: int | None
    share: float | None = None
    low: float | None = None
    high: float | None = None


def lines(results: SurveyResults, places: Sequence[PlaceResults] | None = None) -> Iterator[Line]:
    """The lines of these places; of the city, all areas and all wards when none are named."""
    for place in places if places is not None else (results.city, *results.areas, *results.wards):
        for question in place.questions:
            yield from _question_lines(place, question)


def _question_lines(place: PlaceResults, question: QuestionResult) -> Iterator[Line]:
    start = (place.kind, place.name, place.asked, place.answered, question.number, question.text)
    for option in question.options:
        numbers = (None if one is None else round(one, _ROUNDED) for one in (option.share, option.low, option.high))
        yield Line(*start, option.text, question.said, option.count, *numbers)
    if not question.options:
        yield Line(*start, "(in their own words)", question.said, question.said)
    yield Line(*start, DONT_KNOW, question.said, question.dont_know)
    yield Line(*start, SKIPPED, question.said, question.skipped)


def as_csv(rows: Iterator[Line]) -> str:
    """The lines as CSV with a header and the note behind each; an empty cell is a hidden number."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*Line.__dataclass_fields__, "note"])
    for row in rows:
        writer.writerow([*(_harmless(value) for value in vars(row).values()), NOTE])
    return out.getvalue()


def _harmless(value: object) -> object:
    # A spreadsheet runs what begins with these signs; the apostrophe makes it text.
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
