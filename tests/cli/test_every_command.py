"""Every command: help with an example, JSON where a machine may read it, and a pipe that closes early."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from intouch.cli import app, rooms

# Servers, what is JSON anyway, and what has its own --format.
PYTHON = shlex.quote(sys.executable)  # the folder may have a space in its name
WITHOUT_JSON = {"run", "demo", "resident export", "survey results"}


def _inside(room: rooms.Room) -> Iterator[tuple[str, Any]]:
    found = rooms.opened(room)
    if not hasattr(found, "commands"):
        yield room.name, found
        return
    for word, command in found.commands.items():
        assert not hasattr(command, "commands"), "a group in a group would be missed here"
        yield f"{room.name} {word}", command


# What the README and people's habits rely on.
PROMISED = """run, demo, doctor, db upgrade, import wards, import postcodes, import councillors, import notices,
officer add, councillor link, survey launch, survey list, survey close, survey results, issue list, issue update,
digest preview, digest publish, digest status, briefing preview, briefing publish, briefing status, resident export, resident erase,
delivery list, delivery retry, delivery let-be, delivery drop, delivery pause, delivery resume, delivery cancel, delivery approve,
delivery hold"""
COMMANDS = {name: command for room in rooms.ROOMS for name, command in _inside(room)}


def test_what_was_promised_is_there() -> None:
    assert set(" ".join(PROMISED.split()).split(", ")) <= COMMANDS.keys()


def test_the_list_of_all_commands_says_of_each_what_it_says_of_itself() -> None:
    told = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).stdout
    lines = [" ".join(line.strip("│ ").split()) for line in told.splitlines()]
    listed = [f"{room.name} {room.help}" for room in rooms.ROOMS]
    assert [line for line in lines if line in listed] == listed
    assert [rooms.opened(room).get_short_help_str(limit=200) for room in rooms.ROOMS] == [room.help for room in rooms.ROOMS]


def test_asking_for_the_list_loads_no_command(tmp_path: Path) -> None:
    """Whoever types a command waits for what it loads; all of them together took seven times as long."""
    told = _shell(f"{PYTHON} -X importtime -m intouch.cli --help", tmp_path)
    assert told.returncode == 0 and "intouch.cli.rooms" in told.stderr
    assert [name for name in ("sqlalchemy", "telegram", "pydantic", "intouch.settings") if f" {name}\n" in told.stderr] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_it_explains_itself_with_an_example(name: str) -> None:
    told = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "200"})
    assert told.exit_code == 0 and f"Example: intouch {name}" in told.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_a_machine_can_read_it(name: str) -> None:
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert ("--json" in options) is (name not in WITHOUT_JSON)


def _shell(line: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INTOUCH_")}
    own = {"INTOUCH_DATA_DIR": str(folder / "data"), "INTOUCH_SETTINGS": "/dev/null", "INTOUCH_EPOCH_FILE": str(folder / "epoch.json")}
    line = line.replace("intouch ", f"{PYTHON} -m intouch.cli ")
    return subprocess.run(["bash", "-c", line], env={**kept, **own}, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "line", ["intouch survey list | true", "intouch survey list >&-", "intouch survey list <&-", "intouch doctor | head -1"]
)
def test_who_stops_listening_gets_no_bug_told(line: str, tmp_path: Path) -> None:
    told = _shell(line, tmp_path)
    assert "Traceback" not in told.stderr and "wrong in In Touch" not in told.stderr and "Error" not in told.stderr


def test_a_command_brings_all_that_it_writes_to(tmp_path: Path) -> None:
    """In a process of its own it has loaded nothing but its own file; among all the others in one process nobody would miss a table."""
    (tmp_path / "bins.toml").write_text(
        'title = "Bins"\nwhy = "Why."\ncloses = 2099-12-05T18:00:00\n[[questions]]\ntext = "Mondays?"\ntype = "text"\n'
    )
    told = _shell("intouch survey launch bins.toml && intouch survey close 1", tmp_path)
    assert (told.returncode, told.stderr) == (0, "") and "is closed and its results are published" in told.stdout


@pytest.mark.parametrize("line", ["intouch survey list > /dev/full", "intouch officer list --json > /dev/full"])
def test_output_that_cannot_be_written_is_one_line(line: str, tmp_path: Path) -> None:
    told = _shell(line, tmp_path)
    assert (told.returncode, told.stderr) == (1, "What In Touch has to say can't be written: No space left on device.\n")


def test_without_anybody_to_ask_an_erasure_wants_yes(tmp_path: Path) -> None:
    told = _shell("intouch resident erase 1 <&-", tmp_path)
    assert told.returncode == 1 and "Say --yes" in told.stderr and told.stderr.count("\n") == 1
