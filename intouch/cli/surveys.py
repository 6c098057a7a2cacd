"""Surveys: launching, listing, closing and reading pulse surveys from the command line."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.cli.running import LARGEST_ID, say_json, with_runtime
from intouch.errors import BadInput, NotFound
from intouch.places import lookup
from intouch.runtime import Runtime
from intouch.surveys import closing, launch, listing, results, table
from intouch.surveys.file import read_survey
from intouch.surveys.models import Survey
from intouch.surveys.plan import SurveyPlan
from intouch.surveys.results import PlaceResults, QuestionResult, SurveyResults

app = typer.Typer(no_args_is_help=True)

_LARGEST = 1_000_000  # bytes; a survey is a page of text

_NOT_YET = "What they said is shown once the survey closes, so that no single answer can be picked out."

SurveyId = Annotated[
    int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="The survey's number, as `intouch survey list` shows it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for a machine to read.")]


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

    async def work(runtime: Runtime) -> dict[str, Any]:
        plan = read_survey(_text(file), filename=str(file), zone=runtime.settings.zone)
        try:
            async with runtime.sessions.write() as session:
                return await _launch(session, runtime, plan, is_dry=dry_run)
        except BadInput as error:
            raise BadInput(f"{file}: {error}") from None

    done = with_runtime(work)
    if as_json:
        say_json(done)
    else:
        typer.echo(_sentence(done))


async def _launch(session: AsyncSession, runtime: Runtime, plan: SurveyPlan, *, is_dry: bool) -> dict[str, Any]:
    now, attempt = runtime.now(), await session.begin_nested()
    survey = await launch.create(session, plan, now=now)
    reach = await launch.reach(session, survey, now=now)
    done: dict[str, Any] = {"title": survey.title, "closes_at": survey.closes_at, "opens_at": survey.opens_at, "dry_run": is_dry}
    if is_dry:
        await attempt.rollback()
        return done | {"survey_id": None, "status": "checked", "reach": reach}
    invited = await launch.launch(session, survey.id, now=now)
    return done | {"survey_id": survey.id, "status": survey.status.value, "reach": reach, "invited": invited}


def _sentence(done: dict[str, Any]) -> str:
    people = f"{done['reach']:,} {'person' if done['reach'] == 1 else 'people'}"
    if done["dry_run"]:
        return f"The file is fine. “{done['title']}” would reach {people} today. Nothing was launched."
    if done["status"] == "draft":
        return f"Survey {done['survey_id']} “{done['title']}” is launched and opens by itself at its time. Today it would reach {people}."
    invited = f"{done['invited']:,} {'person' if done['invited'] == 1 else 'people'}"
    return f"Survey {done['survey_id']} “{done['title']}” is open. It asks {invited}."


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

    async def work(runtime: Runtime) -> list[dict[str, Any]]:
        async with runtime.sessions.read() as session:
            return [_line(survey, runtime) for survey in await listing.every(session) if survey.title]

    rows = with_runtime(work)
    if as_json:
        say_json(rows)
    elif not rows:
        typer.echo("There is no survey yet. `intouch survey launch FILE.toml` launches one.")
    for row in [] if as_json else rows:
        typer.echo(f"{row['id']:>5}  {row['state']:<10} {row['closes']:<17} {row['title']}")


def _line(survey: Survey, runtime: Runtime) -> dict[str, Any]:
    state = "scheduled" if survey.status == "draft" and survey.launched_at else survey.status.value
    closes = survey.closes_at.astimezone(runtime.settings.zone).strftime("%Y-%m-%d %H:%M") if survey.closes_at else ""
    return {"id": survey.id, "state": state, "closes": closes, "title": survey.title, "ward_codes": survey.ward_codes}


@app.command(epilog="Example: intouch survey close 12")
def close(survey_id: SurveyId) -> None:
    """Close a survey now; everybody who answered is told what their ward said."""

    async def work(runtime: Runtime) -> int:
        async with runtime.sessions.write() as session:
            return await closing.close(session, survey_id, now=runtime.now())

    told = with_runtime(work)
    typer.echo(f"Survey {survey_id} is closed and its results are published. {told:,} {'person is' if told == 1 else 'people are'} told.")


@app.command("results", epilog="Example: intouch survey results 12 --ward E05016391 --format csv")
def show_results(
    survey_id: SurveyId,
    ward: Annotated[str, typer.Option(help="One ward by its code or name, beside its area and the city.")] = "",
    format: Annotated[Format, typer.Option(help="A table to read, CSV or JSON.")] = Format.TABLE,
) -> None:
    """Show what people said: counts, shares and 95 % intervals; numbers of few people are left out."""

    async def work(runtime: Runtime) -> tuple[SurveyResults, tuple[PlaceResults, ...] | None]:
        async with runtime.sessions.read() as session:
            ward_id = (await lookup.ward_named(session, ward)).id if ward else None
            told = await results.results(session, survey_id, ward_id=ward_id, smallest=runtime.settings.smallest_count)
        return told, _places(told) if ward else None

    told, places = with_runtime(work)
    if not told.is_final and format is not Format.TABLE:
        typer.echo(_NOT_YET, err=True)
    if format is Format.JSON:
        say_json({"survey_id": told.survey_id, "title": told.title, "status": told.status, "is_final": told.is_final,
                  "smallest": told.smallest, "lines": [vars(line) for line in table.lines(told, places)]})  # fmt: skip
    elif format is Format.CSV:
        typer.echo(table.as_csv(table.lines(told, places)), nl=False)
    else:
        _print(told, places or (told.city,))


def _places(told: SurveyResults) -> tuple[PlaceResults, ...]:
    if told.ward is None:
        raise NotFound("This survey asked nobody in that ward.")
    area = told.of_area(told.ward.area_id)
    return (told.ward, area, told.city) if area else (told.ward, told.city)


def _print(told: SurveyResults, places: tuple[PlaceResults, ...]) -> None:
    typer.secho(f"{told.title} ({told.status})", bold=True)
    for place in places:
        least = "at least " if place.answered is None and place.answered_at_least is not None else ""
        answered = f"{least}{_number(place.answered_at_least)} of {_number(place.asked)} people answered"
        typer.secho(f"\n{place.name or 'Everybody who was asked'}: {answered}", bold=True)
        for question in place.questions if told.is_final else ():
            _print_question(question)
    if not told.is_final:
        typer.echo(f"\n{_NOT_YET}")
        return
    typer.echo(f"\n– is a number left out, because it is or would give away fewer than {told.smallest} people.")
    typer.echo("People chose to take part, so this shows what those who answered think; others may think differently.")


def _print_question(question: QuestionResult) -> None:
    typer.echo(f"  {question.number}. {question.text} ({_number(question.said)} gave an opinion)")
    for option in question.options:
        share = ""
        if option.share is not None and option.low is not None and option.high is not None:
            share = f"{option.share:>6.0%}  (95 % interval {option.low:.0%} to {option.high:.0%})"
        typer.echo(f"     {_number(option.count):>8} {share:<38} {option.text}")
    typer.echo(f"     {_number(question.dont_know):>8} {'':<38} don't know")
    typer.echo(f"     {_number(question.skipped):>8} {'':<38} skipped")


def _number(count: int | None) -> str:
    return "–" if count is None else f"{count:,}"
