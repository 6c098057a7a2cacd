"""The commands for people: an officer or a councillor gets a one-time code that works in the bot."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer import Typer
from typer.testing import CliRunner

from intouch import app as application
from intouch import settings
from intouch.cli import people
from intouch.clock import SystemClock
from intouch.council import linking
from intouch.council.models import Councillor
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
    async with runtime.sessions.write() as session:
        linked = await linking.redeem(session, code, telegram_id=7, now=SystemClock().now())
    await runtime.sessions.close()
    return linked


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


def test_an_empty_list_tells_the_way_on() -> None:
    assert "intouch officer add" in run(people.officer_app, "list").stdout
    assert "intouch import councillors" in run(people.councillor_app, "list").stdout


@pytest.mark.parametrize("name", [" ", "\u200b", "\x1b[31mOlive", "O" * 101])
def test_a_name_that_nobody_can_read_is_refused(name: str) -> None:
    refused = run(people.officer_app, "add", name, "--email", "olive@council.example")
    assert (refused.exit_code, refused.stderr) == (1, "An officer needs a name that people can read, of at most 100 characters.\n")
