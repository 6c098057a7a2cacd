"""Results: what people said, for everybody to read and to take away."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from intouch.errors import NotFound
from intouch.surveys import listing as surveys
from intouch.surveys import results, table
from intouch.surveys.models import SurveyStatus
from intouch.surveys.results import PlaceResults, SurveyResults
from intouch.web.pages import page, runtime_of

_LARGEST_KEY = 2**31
_HIDDEN = "hidden"


async def listing(request: Request) -> Response:
    """All surveys whose results are published, newest first."""
    async with runtime_of(request).sessions.read() as session:
        published = await surveys.published(session)
    return page(request, "results", surveys=published)


async def show(request: Request) -> Response:
    """One survey's results for the whole council, an area or a ward (``?place=ward-12``)."""
    survey = await _published(request)
    place = _chosen(survey, request.query_params.get("place", ""))
    return page(request, "result", survey=survey, place=place, key=key_of(place), places=_groups(survey))


async def download(request: Request) -> Response:
    """The same numbers of all places as CSV; what the page hides is hidden here too."""
    survey = await _published(request)
    council = runtime_of(request).settings.council_name
    text = io.StringIO()
    csv.writer(text).writerows(_rows(survey, council))
    headers = {"Content-Disposition": f'attachment; filename="survey-{survey.survey_id}-results.csv"'}
    # The mark at the start makes spreadsheets read UTF-8.
    return Response("\ufeff" + text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


async def _published(request: Request) -> SurveyResults:
    survey_id = request.path_params["survey_id"]
    if survey_id > _LARGEST_KEY:
        raise HTTPException(404)
    runtime = runtime_of(request)
    try:
        async with runtime.sessions.read() as session:
            found = await results.results(session, survey_id, smallest=runtime.settings.smallest_count)
    except NotFound:
        raise HTTPException(404) from None
    if found.status is not SurveyStatus.PUBLISHED:
        raise NotFound("The results of this survey are not published yet. They appear here when it has closed.")
    return found


def key_of(place: PlaceResults) -> str:
    """What ``?place=`` calls it: ``ward-12``, ``area-3``, and nothing for the whole council."""
    return f"{place.kind}-{place.id}" if place.id else ""


def _chosen(survey: SurveyResults, key: str) -> PlaceResults:
    return next((place for place in (*survey.areas, *survey.wards) if key and key_of(place) == key), survey.city)


def _groups(survey: SurveyResults) -> list[tuple[str, list[tuple[str, str]]]]:
    areas = [(key_of(place), place.name) for place in survey.areas]
    wards = [(key_of(place), place.name) for place in survey.wards]
    return [group for group in (("areas", areas), ("wards", wards)) if group[1]]


def _rows(survey: SurveyResults, council: str) -> Iterator[list[str]]:
    yield ["survey", "kind of place", "place", "asked", "answered", "question", "answer", "people", "share", "from", "to", "note"]
    for place in (survey.city, *survey.areas, *survey.wards):
        start = [_cell(survey.title), place.kind, _cell(place.name or council), _number(place.asked), _number(place.answered)]
        for question in place.questions:
            of = [*start, _cell(question.text)]
            for option in question.options:
                shares = (_share(option.share), _share(option.low), _share(option.high))
                yield [*of, _cell(option.text), _number(option.count), *shares, table.NOTE]
            for label, count in (
                ("(gave an opinion)", question.said),
                ("(don't know)", question.dont_know),
                ("(skipped)", question.skipped),
            ):
                yield [*of, label, _number(count), "", "", "", table.NOTE]


def _number(count: int | None) -> str:
    return _HIDDEN if count is None else str(count)


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.3f}"


def _cell(text: str) -> str:
    # A spreadsheet would run a text that begins like this as a formula.
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
