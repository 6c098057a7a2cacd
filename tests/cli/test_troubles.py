"""What a command says when its database, its folder or its settings fail: one line, no traceback, no secret."""

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from intouch.cli import app


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INTOUCH_DATA_DIR", str(tmp_path / "data"))


def _said(*words: str, **more: str) -> str:
    told = CliRunner().invoke(app, list(words), env=more)
    assert told.exit_code == 1, told.output
    assert "Traceback" not in told.output
    assert "hunter2" not in told.output
    return told.stderr


@pytest.mark.parametrize("words", [("survey", "list"), ("db", "upgrade")], ids=" ".join)
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql://olive:hunter2@host/x", "INTOUCH_DATABASE_URL"),
        ("hunter2", "INTOUCH_DATABASE_URL"),
        ("sqlite://", "INTOUCH_DATABASE_URL"),
        ("sqlite+aiosqlite:///:memory:", "INTOUCH_DATABASE_URL"),
        ("postgresql://olive:hunter2@host:hunter2/x", "INTOUCH_DATABASE_URL"),
        ("postgresql://olive:hunter2@127.0.0.1:1/x", "can't be reached"),
        ("sqlite:////proc/nowhere/x.sqlite3", "INTOUCH_DATA_DIR"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_one_line(words: tuple[str, ...], url: str, expected: str) -> None:
    said = _said(*words, INTOUCH_DATABASE_URL=url)
    assert expected in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("words", [("survey", "list"), ("db", "upgrade"), ("run", "--only", "schedule")], ids=" ".join)
def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path, words: tuple[str, ...]) -> None:
    file = tmp_path / "letters.txt"
    file.write_text("Dear Olive, this is not a database at all.\n" * 99)
    before = file.read_bytes()
    assert "no SQLite database" in _said(*words, INTOUCH_DATABASE_URL=f"sqlite:///{file}")
    assert file.read_bytes() == before


def test_a_data_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    assert "INTOUCH_DATA_DIR" in _said("survey", "list")
    told = CliRunner().invoke(app, ["doctor"]).stdout
    assert told.startswith(f"WRONG  data folder: {tmp_path / 'data'} can NOT be written to: File exists. Check INTOUCH_DATA_DIR")


def test_a_server_without_that_database_is_told(postgres_server: sa.URL) -> None:
    url = postgres_server.set(database="no_such_database").render_as_string(hide_password=False)
    assert "no such database" in _said("survey", "list", INTOUCH_DATABASE_URL=url)


def test_a_user_that_the_server_does_not_know_is_told(postgres_server: sa.URL) -> None:
    url = postgres_server.set(username="nobody_of_that_name").render_as_string(hide_password=False)
    assert "does not let us in" in _said("survey", "list", INTOUCH_DATABASE_URL=url)


@pytest.mark.parametrize(
    "url", ["smtp://olive:hunter2/x@mail.example:587", "smtp://olive:x@mail.example:hunter2", "smtp://mail.example?connections=hunter2"]
)
def test_an_smtp_url_that_does_not_parse_is_named_without_what_is_in_it(url: str) -> None:
    assert "INTOUCH_SMTP_URL" in _said("survey", "list", INTOUCH_SMTP_URL=url)


def test_a_settings_file_that_is_not_there_is_told_instead_of_forgotten(tmp_path: Path) -> None:
    assert f"INTOUCH_SETTINGS names {tmp_path / 'nowhere.toml'}" in _said("survey", "list", INTOUCH_SETTINGS=str(tmp_path / "nowhere.toml"))
    assert "no such file" in _said("survey", "list", INTOUCH_SETTINGS=str(tmp_path))


def test_the_doctor_tells_troubles_in_the_same_words(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite3").write_text("Dear Olive, this is not a database at all.\n" * 99)
    told = CliRunner().invoke(app, ["doctor"], env={"INTOUCH_DATABASE_URL": f"sqlite:///{tmp_path / 'x.sqlite3'}"}).stdout
    assert "no SQLite database" in told and "Error" not in told


def _altered(url: str, statement: str) -> None:
    path = url.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)


@pytest.mark.parametrize("words", [("survey", "list"), ("db", "upgrade"), ("run", "--only", "schedule")], ids=" ".join)
def test_a_database_of_a_later_version_is_told_and_left_alone(sqlite_url: str, words: tuple[str, ...]) -> None:
    _altered(sqlite_url, "UPDATE alembic_version SET version_num = '9999'")
    said = _said(*words, INTOUCH_DATABASE_URL=sqlite_url)
    assert "made by a later version of In Touch (revision 9999; this one knows" in said and "Install that version again" in said
    told = CliRunner().invoke(app, ["doctor"], env={"INTOUCH_DATABASE_URL": sqlite_url}).stdout
    assert "WRONG  database: The database was made by a later version" in told


def test_a_database_that_lost_its_version_is_told(sqlite_url: str) -> None:
    _altered(sqlite_url, "DROP TABLE alembic_version")
    assert "nothing says which In Touch made them" in _said("survey", "list", INTOUCH_DATABASE_URL=sqlite_url)


def test_a_bug_is_not_drawn_with_what_people_wrote(tmp_path: Path) -> None:
    script = "from intouch.cli.running import plainly\nwith plainly():\n    wrote = 'hunter' + '2'\n    1 / 0"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert told.returncode == 1 and "Something is wrong in In Touch itself" in told.stderr
    assert "ZeroDivisionError" in told.stderr and "hunter2" not in told.stderr


def test_the_doctor_tells_of_a_database_that_is_damaged_where_nobody_looked(sqlite_url: str) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    with contextlib.closing(sqlite3.connect(file)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_deliveries_due'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as written_over:
        written_over.seek((page - 1) * size)
        written_over.write(b"x" * size)
    told = CliRunner().invoke(app, ["doctor"], env={"INTOUCH_DATABASE_URL": sqlite_url}).stdout
    assert "WRONG  database: The database file is damaged. Stop In Touch, keep the file, and go back to your last backup." in told
