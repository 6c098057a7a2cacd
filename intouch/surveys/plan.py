"""Plan: a survey before it is stored, whether it comes from a file or from a dialogue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from intouch.surveys.models import QuestionType


@dataclass(frozen=True)
class QuestionPlan:
    """One question; ``options`` is empty for a scale (1 to 5) and for free text."""

    text: str
    type: QuestionType
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class SurveyPlan:
    """What to ask whom, and until when. No ``wards`` (GSS codes) and no ``areas`` (names): the whole city."""

    title: str
    why: str
    closes_at: datetime
    questions: tuple[QuestionPlan, ...]
    opens_at: datetime | None = None
    wards: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    is_for_sounding_board: bool = False
    file_hash: str | None = None
