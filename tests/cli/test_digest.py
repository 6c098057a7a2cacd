"""Digest on the command line: preview, publish and status, on a real file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from typer.testing import CliRunner

from intouch import app, schedule
from intouch import settings as settings_module
from intouch.cli.digest import briefing_app, digest_app
from intouch.runtime import Runtime
from tests.digest import writing
from tests.digest.conftest import Town, ward

SATURDAY = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def settings_of_the_machine(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTOUCH_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("INTOUCH_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("INTOUCH_SECRET_KEY", "a-key-for-tests")


def in_database(work: Callable[[Runtime], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        runtime = app.build_runtime(settings_module.load())
        try:
            return await work(runtime)
        finally:
            await runtime.sessions.close()

    return asyncio.run(run())


@pytest.fixture
def town(settings_of_the_machine: None) -> None:
    async def fill(runtime: Runtime) -> None:
        made = Town(runtime)
        southwick, fulwell = ward("E05016391", "Southwick", None), ward("E05016377", "Fulwell", None)
        await made.add(southwick, fulwell)
        made.southwick, made.fulwell = southwick.id, fulwell.id
        await made.subscriber()
        await made.subscriber(made.fulwell)
        await made.councillor()
        await writing.notice(runtime, "Road closed", on=date(2026, 11, 24), ward_id=None, created_at=SATURDAY - timedelta(days=2))

    in_database(fill)


def run(command: Any, *words: str) -> tuple[int, str]:
    with time_machine.travel(SATURDAY, tick=True):
        result = CliRunner().invoke(command, list(words))
    return result.exit_code, " ".join((result.stdout if result.exit_code == 0 else result.output).split())


@pytest.mark.parametrize(("command", "words"), [(digest_app, "This week in Southwick"), (briefing_app, "Your week in Southwick")])
@pytest.mark.parametrize("name", ["Southwick", "e05016391"])
def test_a_preview_is_written_as_html_and_text_and_sends_nothing(town: None, tmp_path: Path, command: Any, words: str, name: str) -> None:
    code, said = run(command, "preview", "--ward", name, "--out", str(tmp_path / "southwick.html"))
    assert code == 0, said
    assert words in (tmp_path / "southwick.html").read_text() and "Road closed" in (tmp_path / "southwick.txt").read_text()
    assert json.loads(run(command, "status", "--json")[1])["periods"] == []


def test_a_preview_of_no_ward_or_to_no_folder_says_what_is_wrong(town: None, tmp_path: Path) -> None:
    code, said = run(digest_app, "preview", "--ward", "Atlantis", "--out", str(tmp_path / "a.html"))
    assert code == 1 and "There is no ward “Atlantis” today" in said
    code, said = run(digest_app, "preview", "--ward", "Southwick", "--out", str(tmp_path / "missing" / "a.html"))
    assert code == 1 and "can't be written" in said
    code, said = run(digest_app, "preview", "--ward", "Southwick", "--out", str(tmp_path / "a.txt"))
    assert code == 1 and "Name the HTML file" in said


def test_publish_puts_each_digest_into_the_outbox_once(town: None) -> None:
    assert run(digest_app, "publish", "--ward", "Fulwell") == (0, "2026-W47: 1 email or message put into the outbox.")
    assert run(digest_app, "publish") == (0, "2026-W47: 1 email or message put into the outbox.")
    assert run(digest_app, "publish", "--period", "2026-W47") == (0, "2026-W47: 0 emails and messages put into the outbox.")
    status = json.loads(run(digest_app, "status", "--json")[1])
    assert status["periods"] == [{"period": "2026-W47", "editions": {"published": 2}, "deliveries": {"queued": 2}}]
    assert "2026-W47 editions: 2 published deliveries: 2 queued" in run(digest_app, "status")[1]


def test_publish_says_its_one_sentence_and_no_log_lines_unless_they_are_wanted(town: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with time_machine.travel(SATURDAY, tick=True):
        assert CliRunner().invoke(digest_app, ["publish", "--ward", "Fulwell"]).stderr == ""
        monkeypatch.setenv("INTOUCH_LOG_LEVEL", "info")
        assert "schedule.edition" in CliRunner().invoke(digest_app, ["publish"]).stderr


def test_publish_releases_what_waits_for_an_officer(town: None) -> None:
    async def three_days_late(runtime: Runtime) -> None:
        for moment in (SATURDAY - timedelta(days=30), SATURDAY + timedelta(days=2)):
            with time_machine.travel(moment, tick=False):
                await schedule.reconcile(runtime)

    in_database(three_days_late)
    assert "editions: 2 waiting deliveries: none" in run(digest_app, "status")[1]
    assert run(digest_app, "publish", "--ward", "Fulwell")[1].endswith(
        "1 email or message put into the outbox. 1 edition is still waiting."
    )
    assert "1 email or message" in run(digest_app, "publish")[1]
    assert "editions: 2 published deliveries: 2 queued" in run(digest_app, "status")[1]


@pytest.mark.parametrize(
    ("period", "sentence"),
    [
        ("2026-W60", "is not a week"),
        ("2026-W48", "is not due until Friday 27 November 2026 at 4:00 pm. It goes out by itself then."),
        ("2026-W23", "was due on Friday 5 June 2026: too long ago to send now"),
        ("2025-W47", "too long ago to send now"),
    ],
)
def test_publish_refuses_a_week_that_is_none_or_not_due(town: None, period: str, sentence: str) -> None:
    code, said = run(digest_app, "publish", "--period", period)
    assert code == 1 and sentence in said


def test_the_briefing_is_published_for_its_own_week(town: None) -> None:
    code, said = run(briefing_app, "publish")
    assert code == 0 and said == "2026-W47: 1 email or message put into the outbox."


@pytest.mark.parametrize("command", [digest_app, briefing_app])
@pytest.mark.parametrize("name", ["preview", "publish", "status"])
def test_every_command_explains_itself_with_an_example(command: Any, name: str) -> None:
    code, said = run(command, name, "--help")
    assert code == 0 and "Example: intouch" in said
