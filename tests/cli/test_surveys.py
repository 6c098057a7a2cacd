"""Surveys from the command line: a file is launched once, and results come as a table, CSV or JSON."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from click.testing import Result
from typer.testing import CliRunner

from intouch.cli.surveys import app

GOOD = """
title = "Bins in Southwick"
why = "The council may change collection days."
closes = 2090-12-05T18:00:00
[[questions]]
text = "Should bins be emptied on Mondays?"
type = "single"
options = ["Yes, Mondays", "No, keep Fridays"]
"""


@pytest.fixture
def folder(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INTOUCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("INTOUCH_DATABASE_URL", sqlite_url)
    (tmp_path / "bins.toml").write_text(GOOD)
    return tmp_path


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_dry_run_launches_nothing(folder: Path) -> None:
    result = _run("launch", str(folder / "bins.toml"), "--dry-run")
    assert result.exit_code == 0 and "would reach 0 people" in result.output
    assert "no survey yet" in _run("list").output


def test_the_same_file_is_launched_once(folder: Path) -> None:
    launched = json.loads(_run("launch", str(folder / "bins.toml"), "--json").output)
    assert (launched["status"], launched["invited"]) == ("open", 0)
    again = _run("launch", str(folder / "bins.toml"))
    assert again.exit_code == 1 and f"launched already, as survey {launched['survey_id']}" in again.stderr
    assert [row["state"] for row in json.loads(_run("list", "--json").output)] == ["open"]


def test_a_survey_that_has_not_opened_yet_is_taken_back(folder: Path) -> None:
    (folder / "bins.toml").write_text(GOOD.replace("closes =", "opens = 2090-12-01T09:00:00\ncloses ="))
    for as_json in (False, True):
        _run("launch", str(folder / "bins.toml"))
        number = str(json.loads(_run("list", "--json").output)[0]["id"])
        assert json.loads(_run("list", "--json").output)[0]["state"] == "scheduled"
        for _ in range(2):
            closed = _run("close", number, *(["--json"] if as_json else []))
            if as_json:
                assert json.loads(closed.output) == {"survey_id": int(number), "state": "cancelled", "told": 0}
            else:
                assert closed.output == f"Survey {number} is cancelled: it will not open. Nobody was asked.\n"
        assert json.loads(_run("list", "--json").output)[0]["state"] == "cancelled"


@pytest.mark.parametrize(
    ("name", "contents", "sentence"),
    [
        ("bad.toml", GOOD.replace('["Yes, Mondays", "No, keep Fridays"]', "[]").encode(), "questions[1].options: a single-choice question"),
        ("latin.toml", GOOD.replace("Bins", "Bänder").encode("latin-1"), "is not in UTF-8"),
        ("late.toml", GOOD.replace("2090", "2020").encode(), "closes: that moment has passed"),
        ("ward.toml", GOOD.replace("why", 'audience = { wards = ["E1"] }\nwhy').encode(), "audience.wards: there is no ward E1"),
        ("huge.toml", b"#" * 1_000_001, "too large"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_key(folder: Path, name: str, contents: bytes, sentence: str) -> None:
    (folder / name).write_bytes(contents)
    result = _run("launch", str(folder / name))
    assert result.exit_code == 1 and f"{name}: " in result.stderr and sentence in result.stderr
    assert "no survey yet" in _run("list").output


def test_a_file_that_is_not_there_is_said_so(folder: Path) -> None:
    result = _run("launch", str(folder / "none.toml"))
    assert result.exit_code == 1 and "can't be read" in result.stderr


def test_results_come_in_three_formats_once_it_is_closed(folder: Path) -> None:
    _run("launch", str(folder / "bins.toml"))
    assert "once the survey closes" in _run("results", "1").output
    for machine in ("csv", "json"):
        open_still = _run("results", "1", "--format", machine)
        assert "once the survey closes" in open_still.stderr and "once the survey closes" not in open_still.stdout
    assert "closed and its results are published" in _run("close", "1").output
    assert "0 people are told" in _run("close", "1").output
    assert "1. Should bins be emptied on Mondays?" in _run("results", "1").output
    assert len(json.loads(_run("results", "1", "--format", "json").output)["lines"]) == 4
    rows = list(csv.DictReader(io.StringIO(_run("results", "1", "--format", "csv").output)))
    assert [row["answer"] for row in rows] == ["Yes, Mondays", "No, keep Fridays", "(don't know)", "(skipped)"]
    said = json.loads(_run("results", "1", "--format", "json").output)["note"]
    assert said.startswith("The people who answered chose to take part") and {row["note"] for row in rows} == {said}


@pytest.mark.parametrize("arguments", [("results", "9"), ("close", "9"), ("results", "9", "--ward", "E1")])
def test_what_is_not_there_is_one_clear_line(folder: Path, arguments: tuple[str, ...]) -> None:
    result = _run(*arguments)
    assert result.exit_code == 1 and "There " in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize("number", ["99999999999999999999999", "0", "abc", "1.5", "²", "1\x1b[2J"])
def test_a_number_that_no_survey_can_have_is_refused(folder: Path, number: str) -> None:
    for command in ("results", "close"):
        result = _run(command, number)
        assert result.exit_code == 1 and "is not the number of a survey. `intouch survey list` shows them all." in result.stderr
        assert result.stderr.count("\n") == 1 and "\x1b" not in result.stderr


NOON = datetime(2026, 10, 24, 11, 0, tzinfo=UTC)  # noon in London, on the day before the clocks go back


@pytest.mark.parametrize(
    ("opens", "closes", "expected"),
    [
        ("", "2026-10-26T12:00:00", "  opens   now\n  closes  Monday 26 October 2026 at 12:00 pm, after 2 days\n"),
        ("opens = 2026-10-25", "2026-10-25", "  opens   Sunday 25 October 2026 at 12:00 am\n"
         "  closes  Sunday 25 October 2026 at 11:59 pm, after 24 hours\n"),
        ("opens = 2026-10-01T09:00:00", "2026-10-24T13:00:00", "  opens   now, as Thursday 1 October 2026 at 9:00 am has passed\n"
         "  closes  Saturday 24 October 2026 at 1:00 pm, after 60 minutes\n"),
    ],
)  # fmt: skip
def test_the_moments_are_told_as_they_were_understood(folder: Path, opens: str, closes: str, expected: str) -> None:
    (folder / "bins.toml").write_text(GOOD.replace("2090-12-05T18:00:00", closes).replace("why =", f"{opens}\nwhy ="))
    with time_machine.travel(NOON, tick=False):
        dry = _run("launch", str(folder / "bins.toml"), "--dry-run")
        assert dry.stdout.endswith(f"Nothing was launched.\n{expected}")
        assert _run("launch", str(folder / "bins.toml")).stdout.endswith(expected)


def test_machines_read_moments_in_utc_and_what_closing_did(folder: Path) -> None:
    (folder / "bins.toml").write_text(GOOD.replace("2090-12-05T18:00:00", "2090-07-05T18:00:00"))
    with time_machine.travel(NOON, tick=False):
        told = json.loads(_run("launch", str(folder / "bins.toml"), "--json").stdout)
        assert (told["opens_at"], told["opens_now"], told["closes_at"]) == ("2026-10-24T11:00:00+00:00", True, "2090-07-05T17:00:00+00:00")
        listed = json.loads(_run("list", "--json").stdout)[0]
        assert (listed["opens_at"], listed["closes_at"]) == (told["opens_at"], told["closes_at"])
        assert "open       Wednesday 5 July 2090 at 6:00 pm          Bins in Southwick" in _run("list").stdout
    assert json.loads(_run("close", "1", "--json").stdout) == {"survey_id": 1, "state": "published", "told": 0}
