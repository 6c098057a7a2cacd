"""The commands for people: an officer or a councillor gets a one-time code that works in the bot."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result
from typer import Typer
from typer.testing import CliRunner

from intouch import app as application
from intouch import settings
from intouch.cli import people
from intouch.clock import SystemClock
from intouch.council import linking
from intouch.council import people as council
from intouch.council.models import Councillor, LinkCode
from intouch.errors import Closed, NotFound
from intouch.residents import dialogues
from intouch.residents.models import DialogueKind
from intouch.surveys import drafts
from intouch.surveys.models import Survey, SurveyStatus
from tests.places.squares import three_wards


@pytest.fixture(autouse=True)
def _settings(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("INTOUCH_DATABASE_URL", database_url)
    monkeypatch.setenv("INTOUCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("INTOUCH_LOG_LEVEL", "error")
    handlers = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = handlers  # the command's own one writes to a stream that is closed by now


def run(app: Typer, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


async def redeem(code: str) -> linking.Linked:
    runtime = application.build_runtime(settings.load())
    try:
        async with runtime.sessions.write() as session:
            return await linking.redeem(session, code, telegram_id=7, now=SystemClock().now())
    finally:
        await runtime.sessions.close()


async def elect(*names: str) -> None:
    runtime = application.build_runtime(settings.load())
    async with runtime.sessions.write() as session:
        wards = await three_wards(session)
        for number, name in enumerate(names):
            session.add(Councillor(name=name, ward_id=wards[number].id, email=f"c{number}@council.example", is_active=number < 2))
    await runtime.sessions.close()


def code_in(result: Result) -> str:
    found = re.search(r"LINK-\w{4}-\w{4}", result.stdout)
    assert found, result.output
    return found[0]


def test_an_officer_is_added_and_gets_a_code_that_works() -> None:
    added = run(people.officer_app, "add", "Olive Officer", "--email", "olive@council.example")
    assert "Ask Olive Officer to open the bot in Telegram and send it this code. It works once, within 7 days." in added.stdout
    assert asyncio.run(redeem(code_in(added))) == linking.Linked("officer", "Olive Officer")
    again = run(people.officer_app, "add", "Olive", "--email", "olive@council.example")
    assert (again.exit_code, "There is an officer with the address" in again.stderr) == (1, True)
    assert "Olive Officer  olive@council.example  linked" in run(people.officer_app, "list").stdout
    assert json.loads(run(people.officer_app, "list", "--json").stdout)[0]["is_linked"] is True


@pytest.mark.parametrize(
    "words", [("add", "Si\udce2n", "--email", "olive@council.example"), ("remove", "olive\udcff@council.example"), ("link", "\udcff")]
)
def test_words_typed_in_a_terminal_of_another_encoding_are_told(words: tuple[str, ...]) -> None:
    told = run(people.officer_app, *words)
    assert told.exit_code == 1 and told.stderr.count("\n") == 1
    assert "can't be read as UTF-8" in told.stderr


def test_an_officer_gets_a_new_code_and_the_old_one_ends() -> None:
    first = code_in(run(people.officer_app, "add", "Olive Officer", "--email", "olive@council.example"))
    second = code_in(run(people.officer_app, "link", "Olive@council.example"))
    assert first != second
    assert asyncio.run(redeem(second)).name == "Olive Officer"
    assert run(people.officer_app, "link", "nobody@council.example").exit_code == 1


def test_a_councillor_gets_a_code_by_name_ward_or_id() -> None:
    asyncio.run(elect("Carl Carr", "Carl Carr", "Olga Old"))
    assert "There are 2 councillors 'Carl Carr'" in run(people.councillor_app, "link", "Carl Carr").stderr
    by_ward = run(people.councillor_app, "link", "Carl Carr", "--ward", "southwick", "--json")
    assert json.loads(by_ward.stdout)["name"] == "Carl Carr"
    assert asyncio.run(redeem(json.loads(by_ward.stdout)["code"])).role == "councillor"
    listed = json.loads(run(people.councillor_app, "list", "--json").stdout)
    assert [(c["ward"], c["is_linked"]) for c in listed] == [("Fulwell (E05016377)", False), ("Southwick (E05016391)", True)]
    assert run(people.councillor_app, "link", str(listed[0]["id"])).exit_code == 0
    assert run(people.councillor_app, "link", "Olga Old").exit_code == 1
    assert "left office" in run(people.councillor_app, "list", "--all").stdout


async def write_surveys(email: str) -> None:
    """A survey that this officer launched, and one that they are still writing in the chat."""
    runtime = application.build_runtime(settings.load())
    now = SystemClock().now()
    async with runtime.sessions.write() as session:
        officer_id = (await council.find_officer(session, email)).id
        launched = Survey(title="Bins", status=SurveyStatus.OPEN, officer_id=officer_id, ward_codes=[], created_at=now, launched_at=now)
        draft = await drafts.begin(session, officer_id=officer_id, now=now)
        session.add(launched)
        await dialogues.begin(session, 7, DialogueKind.LAUNCH, draft.id, now=now)
    await runtime.sessions.close()


async def left_behind() -> tuple[list[tuple[str, int | None]], int, bool]:
    runtime = application.build_runtime(settings.load())
    async with runtime.sessions.read() as session:
        surveys = [(survey.title, survey.officer_id) for survey in await session.scalars(sa.select(Survey))]
        codes = await session.scalar(sa.select(sa.func.count()).select_from(LinkCode)) or 0
        listens = await dialogues.current(session, 7) is not None
    await runtime.sessions.close()
    return surveys, codes, listens


def test_an_officer_who_leaves_loses_every_right_and_their_surveys_stay() -> None:
    code = code_in(run(people.officer_app, "add", "Olive Officer", "--email", "olive@council.example"))
    asyncio.run(redeem(code))
    asyncio.run(write_surveys("olive@council.example"))
    asked = CliRunner().invoke(people.officer_app, ["remove", "olive@council.example"], input="n\n")
    assert asked.exit_code == 1 and "Take away Olive Officer's rights as an officer?" in asked.stderr
    assert asyncio.run(left_behind())[1:] == (1, True)
    gone = run(people.officer_app, "remove", " Olive@council.example", "--yes")
    assert gone.stdout == "Olive Officer is no officer any more. The surveys that they launched stay.\n"
    assert asyncio.run(left_behind()) == ([("Bins", None)], 0, False)
    assert "There are no officers yet" in run(people.officer_app, "list").stdout
    with pytest.raises(NotFound, match="We don't know this code"):
        asyncio.run(redeem(code))
    again = run(people.officer_app, "remove", "olive@council.example", "--yes")
    assert (again.exit_code, "no officer with that address" in again.stderr) == (1, True)


def test_a_machine_hears_that_an_officer_is_gone() -> None:
    run(people.officer_app, "add", "Olive Officer", "--email", "olive@council.example")
    gone = json.loads(run(people.officer_app, "remove", "olive@council.example", "--yes", "--json").stdout)
    assert (gone["name"], gone["removed"]) == ("Olive Officer", True)


def test_a_councillors_link_is_taken_away_and_their_office_stays() -> None:
    asyncio.run(elect("Carl Carr"))
    first = code_in(run(people.councillor_app, "link", "Carl Carr"))
    asyncio.run(redeem(first))
    second = code_in(run(people.councillor_app, "link", "Carl Carr"))
    assert run(people.councillor_app, "unlink", "carl carr").stdout == "Carl Carr's Telegram is not linked any more.\n"
    (listed,) = json.loads(run(people.councillor_app, "list", "--json").stdout)
    assert (listed["is_linked"], listed["is_active"]) == (False, True)
    for code in (first, second):
        with pytest.raises(Closed):
            asyncio.run(redeem(code))


def test_an_empty_list_tells_the_way_on() -> None:
    assert "intouch officer add" in run(people.officer_app, "list").stdout
    assert "intouch import councillors" in run(people.councillor_app, "list").stdout


@pytest.mark.parametrize("name", [" ", "\u200b", "\x1b[31mOlive", "O" * 101])
def test_a_name_that_nobody_can_read_is_refused(name: str) -> None:
    refused = run(people.officer_app, "add", name, "--email", "olive@council.example")
    assert (refused.exit_code, refused.stderr) == (1, "An officer needs a name that people can read, of at most 100 characters.\n")
