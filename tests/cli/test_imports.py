"""The import commands: a dry run until --commit, a report for people and machines, and bad files named in one go."""

import json
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from intouch.cli import imports, issues
from tests.conftest import ON_ONE_DATABASE
from tests.places.squares import square

WARDS = {"E05016391": -3.0, "E05016377": -2.0}


@pytest.fixture
def _settings(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("INTOUCH_DATABASE_URL", database_url)
    monkeypatch.setenv("INTOUCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("INTOUCH_LOG_LEVEL", "error")
    monkeypatch.chdir(tmp_path)
    handlers = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = handlers  # the command's own one writes to a stream that is closed by now


def run(*arguments: str) -> Result:
    return CliRunner().invoke(imports.app, list(arguments))


def write_wards(folder: Path, wards: dict[str, float]) -> str:
    features = [
        {
            "type": "Feature",
            "properties": {"CODE": code, "NAME": f"Ward {code[-1]}"},
            "geometry": {"type": "Polygon", "coordinates": square(west, 54)},
        }
        for code, west in wards.items()
    ]
    path = folder / "wards.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return str(path)


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def import_wards(folder: Path, *more: str, wards: dict[str, float] = WARDS) -> Result:
    return run("wards", write_wards(folder, wards), "--code-field", "CODE", "--name-field", "NAME", *more)


@pytest.mark.usefixtures("_settings")
def test_a_dry_run_changes_nothing_until_commit(tmp_path: Path) -> None:
    for _ in range(2):
        dry = import_wards(tmp_path)
        assert dry.exit_code == 0
        assert "added           2  E05016391 Ward 1, E05016377 Ward 7" in dry.stdout
        assert "nothing has been changed. Run it again with --commit" in dry.stdout
    assert "Done." in import_wards(tmp_path, "--commit").stdout
    assert "nothing to change" in import_wards(tmp_path, "--commit").stdout


@pytest.mark.usefixtures("_settings")
def test_the_whole_council_comes_in_from_files(tmp_path: Path) -> None:
    areas = write(tmp_path, "areas.csv", "area,ward_code\nNorth,E05016391\nCoast,E05016377\n")
    assert import_wards(tmp_path, "--areas", areas, "--valid-from", "2004-05-01", "--commit").exit_code == 0
    for name, text, more in (
        ("postcodes", "pc;ward;lon;lat\nSR5 2AA;E05016391;-2.5;54.5\n", ["--postcode-field", "pc", "--ward-field", "ward"]),
        ("councillors", "name,ward_code,email\nCarl Councillor,E05016391,carl@council.example\n", []),
        ("notices", "kind,title,text,ward_codes,starts_on,ends_on,url\nevent,Fair,,,2026-12-01,,\n", []),
        ("teams", "team,area,email\nNorth crew,North,\n", []),
    ):
        path = write(tmp_path, f"{name}.csv", text)
        first = run(name, path, *more, "--commit")
        assert (first.exit_code, "added           1" in first.stdout) == (0, True), first.output
        assert "nothing to change" in run(name, path, *more, "--commit").stdout


@pytest.mark.usefixtures("_settings")
def test_the_report_is_there_for_machines_too(tmp_path: Path) -> None:
    report = json.loads(import_wards(tmp_path, "--json", "--commit").stdout)
    assert (report["added"], report["committed"]) == (2, True)
    assert (report["residents"], report["reports"]) == ({"moved": 0, "unchanged": 0, "to_ask": 0}, 0)
    assert report["examples"]["added"] == ["E05016391 Ward 1", "E05016377 Ward 7"]


@ON_ONE_DATABASE
@pytest.mark.usefixtures("_settings")
def test_wards_that_come_while_a_survey_is_open_are_kept_for_it_as_they_came(tmp_path: Path, database_url: str) -> None:
    import_wards(tmp_path, "--commit")
    with sqlite3.connect(database_url.removeprefix("sqlite:///")) as database:
        row = "INSERT INTO surveys (status, title, why, ward_codes, is_for_sounding_board, is_audience_chosen, created_at) VALUES "
        database.execute(f"{row} ('open', 'Bins', '', '[]', 0, 1, '2026-11-18 12:00:00')")
    for area in ("North", "Coast"):
        areas = write(tmp_path, "areas.csv", f"area,ward_code\n{area},E05016391\n{area},E05016377\n")
        assert import_wards(tmp_path, "--areas", areas, "--commit").exit_code == 0
    with sqlite3.connect(database_url.removeprefix("sqlite:///")) as database:
        kept = database.execute("SELECT areas.name FROM survey_places JOIN areas ON areas.id = area_id").fetchall()
    assert kept == [("North",), ("North",)]


@ON_ONE_DATABASE
@pytest.mark.usefixtures("_settings")
def test_open_reports_go_with_a_new_set_of_wards(tmp_path: Path, database_url: str) -> None:
    import_wards(tmp_path, "--valid-from", "2004-05-01", "--commit")
    with sqlite3.connect(database_url.removeprefix("sqlite:///")) as database:
        columns = (
            "reference, status, category, has_photo_step_done, description, place, longitude, latitude, ward_id, created_at, changed_at"
        )
        moment = "'2026-04-01 12:00:00'"
        values = f"'SR-7K3M2', 'reported', 'litter', 1, '', '', -2.5, 54.5, 1, {moment}, {moment}, {moment}"
        database.execute(f"INSERT INTO issue_reports ({columns}, reported_at) VALUES ({values})")
    new = import_wards(tmp_path, "--valid-from", "2026-05-07", "--commit", wards={"N1": -3.0, "N7": -2.0})
    assert "Reports: 1 moved to their new ward." in new.stdout, new.output
    listed = CliRunner().invoke(issues.app, ["list", "--ward", "Ward 1"])
    assert "SR-7K3M2" in listed.stdout, listed.output


@pytest.mark.usefixtures("_settings")
def test_a_bad_row_is_named_and_the_exit_code_says_so(tmp_path: Path) -> None:
    import_wards(tmp_path, "--commit")
    path = write(tmp_path, "councillors.csv", "name,ward_code,email\nCarl,E05016391,carl@council.example\nMallory,E1,mallory\n")
    refused = run("councillors", path, "--commit")
    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert "councillors.csv, line 3: the ward 'E1' is not known" in refused.stderr
    assert (
        "added           1"
        in run("councillors", write(tmp_path, "ok.csv", "name,ward_code,email\nCarl,E05016391,c@council.example\n")).stdout
    )


@pytest.mark.parametrize("command", ["wards", "postcodes", "councillors", "notices", "teams"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    assert f"Example: intouch import {command} " in " ".join(run(command, "--help").stdout.split())


@pytest.mark.usefixtures("_settings")
def test_a_file_that_is_not_there_and_a_day_that_is_none_are_refused(tmp_path: Path) -> None:
    missing = run("teams", str(tmp_path / "none.csv"))
    assert (missing.exit_code, missing.stderr) == (1, f"{tmp_path / 'none.csv'} can't be read: No such file or directory.\n")
    areas = import_wards(tmp_path, "--areas", str(tmp_path))
    assert (areas.exit_code, areas.stderr) == (1, f"{tmp_path} can't be read: Is a directory.\n")
    for day in ("yesterday", "20260507", "2026-W19-4", "2026-02-30", "0001-01-01", "2026-05-07 "):
        refused = import_wards(tmp_path, "--valid-from", day)
        assert refused.exit_code == 1 and refused.stderr.startswith(f"“{day}” is no day on which wards could begin."), refused.output


@pytest.mark.usefixtures("_settings")
def test_names_in_a_file_cannot_rule_the_terminal(tmp_path: Path) -> None:
    path = Path(write_wards(tmp_path, WARDS))
    path.write_text(path.read_text().replace('"CODE"', r'"CODE\u001b[2J"'))
    refused = run("wards", str(path), "--code-field", "CODE", "--name-field", "NAME")
    assert refused.exit_code == 1 and "\x1b" not in refused.stderr and "CODE\ufffd[2J" in refused.stderr
