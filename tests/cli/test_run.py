"""`intouch run`, `intouch doctor` and `intouch db upgrade` as a person types them: real processes, real signals."""

import asyncio
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import sqlalchemy as sa

from intouch.storage.sessions import open_engine
from tests.journeys.conftest import free_port

INTOUCH = [sys.executable, "-m", "intouch.cli"]


def _environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INTOUCH_")}
    own = {"DATA_DIR": folder / "data", "SETTINGS": "/dev/null", "EPOCH_FILE": folder / "epoch.json"}
    return {**kept, **{f"INTOUCH_{name}": str(path) for name, path in own.items()}, **more}


def _intouch(folder: Path, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*INTOUCH, *words], env=_environment(folder, **more), cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _started(folder: Path, port: int, *before: str, stderr: int | None = None) -> "subprocess.Popen[bytes]":
    environment = _environment(folder, INTOUCH_LISTEN=f"127.0.0.1:{port}")
    running = subprocess.Popen([*before, *INTOUCH, "run"], env=environment, cwd=folder, stderr=stderr)
    deadline = time.monotonic() + 40
    while not _ready(port):
        assert running.poll() is None, "it stopped by itself"
        assert time.monotonic() < deadline, "it did not come up"
        time.sleep(0.05)
    return running


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_it_comes_up_and_stops_on_a_signal_within_ten_seconds(tmp_path: Path, sign: signal.Signals) -> None:
    running = _started(tmp_path, free_port())
    memory = _resident_megabytes(running.pid)
    asked = time.monotonic()
    running.send_signal(sign)
    assert running.wait(timeout=15) == 0
    assert time.monotonic() - asked < 10
    assert memory < 150


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_it_stops_in_order_though_who_started_it_closed_its_standard_streams(tmp_path: Path, closed: str) -> None:
    running = _started(tmp_path, free_port(), "sh", "-c", f'exec "$@" {closed}', "sh")
    running.terminate()
    assert running.wait(timeout=15) == 0


def _resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024**2


def test_a_kill_loses_nothing_and_it_starts_again(tmp_path: Path) -> None:
    port = free_port()
    running = _started(tmp_path, port)
    running.kill()
    running.wait()
    again = _started(tmp_path, port)
    again.terminate()
    assert again.wait(timeout=15) == 0


def test_a_database_that_is_replaced_under_it_ends_it_with_a_sentence(tmp_path: Path) -> None:
    running = _started(tmp_path, free_port(), stderr=subprocess.PIPE)
    database = tmp_path / "data" / "intouch.sqlite3"
    shutil.copy(database, tmp_path / "copy")
    os.replace(tmp_path / "copy", database)
    _, told = running.communicate(timeout=15)
    assert running.returncode == 1
    assert "Another file was put where the database was" in told.decode().splitlines()[-1]


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    port = free_port()
    running = _started(tmp_path, port)
    second = _intouch(tmp_path, "run", INTOUCH_LISTEN=f"127.0.0.1:{port}")
    demo = _intouch(tmp_path, "demo", PORT=str(port))
    running.terminate()
    running.wait()
    assert (second.returncode, demo.returncode) == (1, 1)
    taken = f"Can't listen on 127.0.0.1:{port} (Address already in use). Stop what uses that port, or set INTOUCH_LISTEN to another."
    assert second.stderr.splitlines()[-1] == taken
    assert demo.stderr == f"Port {port} can't be had. Name another: `PORT=8080 make demo`, or `intouch demo --port 8080`.\n"
    assert _intouch(tmp_path, "demo", "--port", "70000").returncode == 2


def test_parts_that_do_not_exist_are_named(tmp_path: Path) -> None:
    told = _intouch(tmp_path, "run", "--only", "bot,wbe")
    assert told.returncode == 1
    assert "no part called wbe" in told.stderr


def test_settings_that_cannot_be_used_are_named_without_their_secrets(tmp_path: Path) -> None:
    told = _intouch(tmp_path, "run", INTOUCH_SMTP_URL="ftp://olive:hunter2@mail.example", INTOUCH_TIMEZONE="Mars/Olympus")
    assert told.returncode == 1
    assert "INTOUCH_SMTP_URL" in told.stderr
    assert "INTOUCH_TIMEZONE" in told.stderr
    assert "hunter2" not in told.stderr + told.stdout


@pytest.mark.parametrize("name", ["what? #1", "100%41", "Müller & Söhne @home"])
def test_the_database_is_in_the_data_folder_whatever_that_is_called(tmp_path: Path, name: str) -> None:
    """A backup of the folder would be without it: it was beside the folder."""
    told = _intouch(tmp_path, "digest", "status", INTOUCH_DATA_DIR=str(tmp_path / name))
    assert (told.returncode, told.stderr) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} <= {name, "intouch.toml"} and (tmp_path / name / "intouch.sqlite3").is_file()


def test_the_doctor_names_what_is_missing_and_what_to_do(tmp_path: Path) -> None:
    told = _intouch(tmp_path, "doctor")
    assert told.returncode == 1
    assert "INTOUCH_TELEGRAM_TOKEN" in told.stdout
    assert "INTOUCH_SMTP_URL" in told.stdout
    assert "Traceback" not in told.stdout + told.stderr


def test_the_doctor_names_a_setting_that_is_none_and_a_folder_that_is_no_maildir(tmp_path: Path) -> None:
    told = _intouch(tmp_path, "doctor", INTOUCH_SMPT_URL="smtp://secret@mail", INTOUCH_BOUNCE_MAILDIR=str(tmp_path / "mail")).stdout
    assert "WRONG  settings: INTOUCH_SMPT_URL: no setting that In Touch knows. Mend the name" in told and "secret" not in told
    assert f"{tmp_path}/mail is no Maildir: it has no folder `new`. Check INTOUCH_BOUNCE_MAILDIR." in told
    (tmp_path / "mail" / "new").mkdir(parents=True)
    told = _intouch(tmp_path, "doctor", INTOUCH_BOUNCE_MAILDIR=str(tmp_path / "mail")).stdout
    assert "Maildir" not in told and "settings" not in told


def test_the_doctor_keeps_secrets_to_itself(tmp_path: Path) -> None:
    token = "123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    told = _intouch(
        tmp_path,
        "doctor",
        "--json",
        INTOUCH_TELEGRAM_TOKEN=token,
        INTOUCH_TELEGRAM_API_URL=f"http://127.0.0.1:{free_port()}",
        INTOUCH_SMTP_URL=f"smtp://olive:hunter2@127.0.0.1:{free_port()}",
        INTOUCH_DATABASE_URL="postgresql://olive:hunter2@127.0.0.1:1/intouch",
    )
    findings = {finding["check"]: finding for finding in json.loads(told.stdout)}
    assert not findings["bot"]["is_well"]
    assert not findings["mail server"]["is_well"]
    assert not findings["database"]["is_well"]
    assert "hunter2" not in told.stdout + told.stderr
    assert token not in told.stdout + told.stderr


def test_upgrading_the_database_twice_is_harmless(tmp_path: Path) -> None:
    first, second = _intouch(tmp_path, "db", "upgrade"), _intouch(tmp_path, "db", "upgrade")
    assert (first.returncode, second.returncode) == (0, 0)
    assert "is at" in second.stdout


def test_postgres_behind_its_migrations_refuses_to_start(tmp_path: Path, postgres_server: object, postgres_url: str) -> None:
    _empty(postgres_url)
    told = _intouch(tmp_path, "run", INTOUCH_DATABASE_URL=postgres_url, INTOUCH_LISTEN=f"127.0.0.1:{free_port()}")
    assert told.returncode == 1
    assert "intouch db upgrade" in told.stderr
    assert _intouch(tmp_path, "db", "upgrade", INTOUCH_DATABASE_URL=postgres_url).returncode == 0


def _empty(url: str) -> None:

    async def drop() -> None:
        engine = open_engine(url)
        async with engine.begin() as connection:
            await connection.execute(sa.text("DROP SCHEMA public CASCADE"))
            await connection.execute(sa.text("CREATE SCHEMA public"))
        await engine.dispose()

    asyncio.run(drop())
