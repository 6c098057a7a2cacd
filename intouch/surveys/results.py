"""Results: what a survey's answers came to, for the city, its areas and wards; the only way out, with small numbers hidden."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.errors import NotFound
from intouch.surveys import disclosure, intervals, questionnaires, tally, wording
from intouch.surveys.counts import ShownCounts, ShownQuestion
from intouch.surveys.models import QuestionType, Survey, SurveyStatus
from intouch.surveys.questionnaires import QuestionView

Kind = Literal["city", "area", "ward"]


@dataclass(frozen=True)
class OptionResult:
    """One answer: how many gave it, their share of those who gave an opinion, and its 95 % interval. None: hidden."""

    text: str
    count: int | None = None
    share: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class QuestionResult:
    """One question in one place. ``said`` gave an opinion; don't know and skipped are counted apart. None: hidden."""

    id: int
    number: int
    text: str
    type: QuestionType
    options: tuple[OptionResult, ...]
    said: int | None = None
    dont_know: int | None = None
    skipped: int | None = None

    @property
    def has_numbers(self) -> bool:
        """Whether it shows an answer that anybody gave; of free text, how many wrote something. Noughts alone tell nothing."""
        return any(option.count for option in self.options) or (self.type is QuestionType.TEXT and bool(self.said))

    @property
    def has_hidden(self) -> bool:
        return self.said is None or any(option.count is None for option in self.options)


@dataclass(frozen=True)
class PlaceResults:
    """One place; the city has no ``id`` and no ``name``. ``asked`` and ``answered``: None is hidden.

    ``answered_at_least``: how many took part, or the most who gave an opinion on any question; None when neither is shown.
    """

    kind: Kind
    id: int | None
    name: str
    area_id: int | None
    asked: int | None
    answered: int | None
    answered_at_least: int | None
    questions: tuple[QuestionResult, ...]

    @property
    def has_numbers(self) -> bool:
        return any(question.has_numbers for question in self.questions)


@dataclass(frozen=True)
class SurveyResults:
    """A survey's results everywhere; ``ward`` and ``area`` are those that were asked for. Not final: only who took part."""

    survey_id: int
    title: str
    why: str
    status: SurveyStatus
    closes_at: datetime | None
    closed_at: datetime | None
    is_final: bool
    smallest: int
    city: PlaceResults
    areas: tuple[PlaceResults, ...]
    wards: tuple[PlaceResults, ...]
    ward: PlaceResults | None = None
    area: PlaceResults | None = None

    @property
    def is_one(self) -> bool:
        """Whether the title is the only question, so that the two are said once."""
        return wording.is_title(self.title, [question.text for question in self.city.questions])

    @property
    def heading(self) -> str:
        """What stands over the results: the title, or the question in full of which it is the beginning."""
        return self.city.questions[0].text if self.is_one else self.title

    def of_ward(self, ward_id: int) -> PlaceResults | None:
        """This ward's results; None when it was not asked."""
        return next((place for place in self.wards if place.id == ward_id), None)

    def of_area(self, area_id: int | None) -> PlaceResults | None:
        return next((place for place in self.areas if place.id == area_id), None)

    def nearest(self, ward_id: int | None) -> PlaceResults | None:
        """The smallest place around this ward that has numbers to show; None when not even the city has."""
        ward = self.of_ward(ward_id) if ward_id is not None else None
        area = self.of_area(ward.area_id) if ward else None
        return next((place for place in (ward, area, self.city) if place is not None and place.has_numbers), None)


async def results(
    session: AsyncSession, survey_id: int, *, ward_id: int | None = None, area_id: int | None = None, smallest: int
) -> SurveyResults:
    """The results for everywhere, counted once. What is hidden does not depend on which ward or area is asked for.

    While a survey is open only the numbers asked and answered are there: comparing what people said before and after
    an answer comes in would tell what it was. They are protected with all that will be shown after closing, or a number
    seen the minute before would tell how many did not know.
    """
    survey = await session.get(Survey, survey_id)
    if survey is None or survey.status in (SurveyStatus.DRAFT, SurveyStatus.CANCELLED):
        raise NotFound(f"There are no results of a survey {survey_id}.")
    is_final = survey.status in (SurveyStatus.CLOSED, SurveyStatus.PUBLISHED)
    questions = (await questionnaires.load(session, survey)).questions
    counted = await tally.count(session, survey_id, questions)
    overlapping = [question.type is QuestionType.MULTIPLE for question in questions]
    shown = disclosure.protect(counted.city, counted.counts, overlapping=overlapping, smallest=smallest)
    places = [_place(counted.names[place.key], shown[place.key], questions, is_final=is_final) for place in counted.city.all()]
    areas = sorted((place for place in places if place.kind == "area" and place.id), key=lambda place: place.name)
    wards = sorted((place for place in places if place.kind == "ward"), key=lambda place: place.name)
    made = SurveyResults(
        survey.id, survey.title, survey.why, survey.status, survey.closes_at, survey.closed_at,
        is_final, smallest, places[0], tuple(areas), tuple(wards),
    )  # fmt: skip
    return replace(
        made, ward=made.of_ward(ward_id) if ward_id is not None else None, area=made.of_area(area_id) if area_id is not None else None
    )


def _place(name: tally.Name, shown: ShownCounts, questions: tuple[QuestionView, ...], *, is_final: bool) -> PlaceResults:
    blank = tuple(ShownQuestion(choices=(None,) * len(question.choices)) for question in questions)
    numbers = (shown.questions or blank) if is_final else blank
    told = tuple(_question(question, number) for question, number in zip(questions, numbers, strict=True))
    said = max((question.said for question in shown.questions if question.said is not None), default=None)
    at_least = shown.answered if shown.answered is not None else said
    return PlaceResults(name.kind, name.id, name.name, name.area_id, shown.asked, shown.answered, at_least, told)


def _question(question: QuestionView, shown: ShownQuestion) -> QuestionResult:
    options = tuple(_option(choice.text, count, shown.said) for choice, count in zip(question.choices, shown.choices, strict=True))
    return QuestionResult(question.id, question.number, question.text, question.type, options, shown.said, shown.dont_know, shown.skipped)


def _option(text: str, count: int | None, said: int | None) -> OptionResult:
    if count is None or not said:
        return OptionResult(text, count)
    interval = intervals.wilson(count, said)
    return OptionResult(text, count, interval.share, interval.low, interval.high)
