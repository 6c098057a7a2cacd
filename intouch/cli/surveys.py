"""Surveys: launching, listing, closing and reading pulse surveys from the command line."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.cli import saying
from intouch.cli.running import with_runtime
from intouch.cli.saying import AsJson, Done, say, say_json
from intouch.errors import BadInput, NotFound
from intouch.places import lookup
from intouch.runtime import Runtime
from intouch.surveys import closing, launch, listing, results, table
from intouch.surveys.file import read_survey
from intouch.surveys.models import Survey
from intouch.surveys.plan import SurveyPlan
from intouch.surveys.results import PlaceResults, QuestionResult, SurveyResults
from intouch.templating import plural

app = typer.Typer(no_args_is_help=True)

_LARGEST = 1_000_000  # bytes; a survey is a page of text

_NOT_YET = "What they said is shown once the survey closes, so that no single answer can be picked out."

SurveyId = Annotated[str, typer.Argument(metavar="ID", help="The survey's number, as `intouch survey list` shows it.")]

_SEE = "`intouch survey list` shows them all."


class Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@app.command("launch", epilog="Example: intouch survey launch bins.toml --dry-run")
def launch_file(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="The survey, as the README shows it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file and say whom it would reach; launch nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Launch a survey from a file: everybody it is for is invited, or will be when it opens."""

    async def work(runtime: Runtime) -> Done:
        plan = read_survey(_text(file), filename=str(file), zone=runtime.settings.zone)
        try:
            async with runtime.sessions.write() as session:
                return await _launch(session, runtime, plan, is_dry=dry_run)
        except BadInput as error:
            raise BadInput(f"{file}: {error}") from None

    with_runtime(work).tell(as_json=as_json)


async def _launch(session: AsyncSession, runtime: Runtime, plan: SurveyPlan, *, is_dry: bool) -> Done:
    now, attempt = runtime.now(), await session.begin_nested()
    survey = await launch.create(session, plan, now=now)
    reach = await launch.reach(session, survey, now=now)
    opens_at = max(plan.opens_at or now, now)
    figures = {"title": survey.title, "opens_at": opens_at, "closes_at": plan.closes_at, "opens_now": opens_at == now, "dry_run": is_dry}
    times = _times(plan, now, runtime.settings.zone)
    if is_dry:
        await attempt.rollback()
        told = f"The file is fine. “{plan.title}” would reach {_people(reach)} today. Nothing was launched.\n{times}"
        return Done(told, figures | {"survey_id": None, "status": "checked", "reach": reach})
    invited = await launch.launch(session, survey.id, now=now)
    figures |= {"survey_id": survey.id, "status": survey.status, "reach": reach, "invited": invited}
    is_open = f"is open. It asks {_people(invited)}."
    waits = f"is launched and opens by itself at its time. Today it would reach {_people(reach)}."
    return Done(f"Survey {survey.id} “{plan.title}” {is_open if opens_at == now else waits}\n{times}", figures)


def _people(number: int) -> str:
    return plural(number, "person", "people")


def _times(plan: SurveyPlan, now: datetime, zone: ZoneInfo) -> str:
    """When it opens and closes as In Touch understood it: a slip in a date is seen here, or by all residents."""
    opens_at = max(plan.opens_at or now, now)
    opens = "now" if opens_at == now else saying.moment(opens_at, zone)
    if plan.opens_at and plan.opens_at < now:
        opens += f", as {saying.moment(plan.opens_at, zone)} has passed"
    return f"  opens   {opens}\n  closes  {saying.moment(plan.closes_at, zone)}, after {saying.span(plan.closes_at - opens_at)}"


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > _LARGEST:
            raise BadInput(f"{file}: is too large for a survey.")
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{file}: is not in UTF-8. Save it as UTF-8 and try again.") from None
    except OSError as error:
        raise BadInput(f"{file}: can't be read: {error.strerror}.") from None


@app.command("list", epilog="Example: intouch survey list --json")
def list_surveys(as_json: AsJson = False) -> None:
    """List all surveys, newest first."""

    async def work(runtime: Runtime) -> tuple[list[dict[str, Any]], ZoneInfo]:
        async with runtime.sessions.read() as session:
            return [_line(survey) for survey in await listing.every(session) if survey.title], runtime.settings.zone

    rows, zone = with_runtime(work)
    if as_json:
        say_json(rows)
    elif not rows:
        say("There is no survey yet. `intouch survey launch FILE.toml` launches one.")
    for row in [] if as_json else rows:
        closes = saying.moment(row["closes_at"], zone) if row["closes_at"] else ""
        say(f"{row['id']:>5}  {row['state']:<10} {closes:<41} {row['title']}")


def _line(survey: Survey) -> dict[str, Any]:
    state = "scheduled" if survey.status == "draft" and survey.launched_at else survey.status.value
    times = {"opens_at": survey.opens_at, "closes_at": survey.closes_at}
    return {"id": survey.id, "state": state, **times, "title": survey.title, "ward_codes": survey.ward_codes}


@app.command(epilog="Example: intouch survey close 12")
def close(survey_id: SurveyId, as_json: AsJson = False) -> None:
    """Close a survey now; everybody who answered is told what their ward said. One that has not opened yet never will."""
    number = saying.number(survey_id, "a survey", _SEE)

    async def work(runtime: Runtime) -> tuple[bool, int]:
        async with runtime.sessions.write() as session:
            is_cancelled = await closing.cancel(session, number, now=runtime.now())
            return is_cancelled, 0 if is_cancelled else await closing.close(session, number, now=runtime.now())

    is_cancelled, told = with_runtime(work)
    sentence = f"Survey {number} is closed and its results are published. {plural(told, 'person is', 'people are')} told."
    if is_cancelled:
        sentence = f"Survey {number} is cancelled: it will not open. Nobody was asked."
    state = "cancelled" if is_cancelled else "published"
    Done(sentence, {"survey_id": number, "state": state, "told": told}).tell(as_json=as_json)


@app.command("results", epilog="Example: intouch survey results 12 --ward E05016391 --format csv")
def show_results(
    survey_id: SurveyId,
    ward: Annotated[str, typer.Option(help="One ward by its code or name, beside its area and the city.")] = "",
    format: Annotated[Format, typer.Option(help="A table to read, CSV or JSON.")] = Format.TABLE,
) -> None:
    """Show what people said: counts, shares and 95 % intervals; numbers of few people are left out."""
    number = saying.number(survey_id, "a survey", _SEE)

    async def work(runtime: Runtime) -> tuple[SurveyResults, tuple[PlaceResults, ...] | None]:
        async with runtime.sessions.read() as session:
            ward_id = (await lookup.ward_named(session, ward)).id if ward else None
            told = await results.results(session, number, ward_id=ward_id, smallest=runtime.settings.smallest_count)
        return told, _places(told) if ward else None

    told, places = with_runtime(work)
    if not told.is_final and format is not Format.TABLE:
        say(_NOT_YET, is_error=True)
    if format is Format.JSON:
        say_json({"survey_id": told.survey_id, "title": told.title, "status": told.status, "is_final": told.is_final,
                  "smallest": told.smallest, "note": table.NOTE, "lines": [vars(line) for line in table.lines(told, places)]})  # fmt: skip
    elif format is Format.CSV:
        saying.say_raw(table.as_csv(table.lines(told, places)))
    else:
        _print(told, places or (told.city,))


def _places(told: SurveyResults) -> tuple[PlaceResults, ...]:
    if told.ward is None:
        raise NotFound("This survey asked nobody in that ward.")
    area = told.of_area(told.ward.area_id)
    return (told.ward, area, told.city) if area else (told.ward, told.city)


def _print(told: SurveyResults, places: tuple[PlaceResults, ...]) -> None:
    say(f"{told.title} ({told.status})", is_bold=True)
    for place in places:
        least = "at least " if place.answered is None and place.answered_at_least is not None else ""
        answered = f"{least}{_number(place.answered_at_least)} of {_number(place.asked)} people answered"
        say(f"\n{place.name or 'Everybody who was asked'}: {answered}", is_bold=True)
        for question in place.questions if told.is_final else ():
            _print_question(question)
    if not told.is_final:
        say(f"\n{_NOT_YET}")
        return
    say(f"\n– is a number left out, because it is or would give away fewer than {told.smallest} people.")
    say("People chose to take part, so this shows what those who answered think; others may think differently.")


def _print_question(question: QuestionResult) -> None:
    say(f"  {question.number}. {question.text} ({_number(question.said)} gave an opinion)")
    for option in question.options:
        share = ""
        if option.share is not None and option.low is not None and option.high is not None:
            share = f"{option.share:>6.0%}  (95 % interval {option.low:.0%} to {option.high:.0%})"
        say(f"     {_number(option.count):>8} {share:<38} {option.text}")
    say(f"     {_number(question.dont_know):>8} {'':<38} don't know")
    say(f"     {_number(question.skipped):>8} {'':<38} skipped")


def _number(count: int | None) -> str:
    return "–" if count is None else f"{count:,}"
