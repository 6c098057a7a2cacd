"""`intouch resident`: counts without names, an export to pass on, an erasure that asks first."""

import asyncio
import json
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from intouch import app as composition
from intouch import settings as settings_module
from intouch.cli import residents
from intouch.clock import ShiftedClock
from intouch.residents.models import Resident, ResidentStatus
from intouch.storage import revision
from tests.conftest import NOW
from tests.privacy import world


@pytest.fixture
def resident_id(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A resident with something in every room, in the database that the commands are pointed at."""
    monkeypatch.setenv("INTOUCH_DATABASE_URL", database_url)
    monkeypatch.setenv("INTOUCH_DATA_DIR", str(tmp_path / "data"))
    return asyncio.run(_prepare(NOW))


async def _prepare(now: datetime) -> int:
    runtime = composition.build_runtime(settings_module.load(), ShiftedClock(now))
    await revision.make_ready(runtime.sessions.engine)
    try:
        return await world.aloysia(runtime, now)
    finally:
        await runtime.sessions.close()


async def _status(resident_id: int) -> ResidentStatus:
    runtime = composition.build_runtime(settings_module.load())
    try:
        async with runtime.sessions.read() as session:
            return (await session.get_one(Resident, resident_id)).status
    finally:
        await runtime.sessions.close()


def _run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(residents.app, list(arguments), input=answer)


def test_export_prints_everything_as_json(resident_id: int) -> None:
    result = _run("export", str(resident_id))
    assert result.exit_code == 0
    assert json.loads(result.stdout)["resident"]["email"] == world.EMAIL


def test_erase_asks_first_and_then_erases_once(resident_id: int) -> None:
    assert _run("erase", str(resident_id), answer="n\n").exit_code == 1
    assert asyncio.run(_status(resident_id)) is ResidentStatus.ACTIVE
    assert _run("erase", str(resident_id), answer="y\n").exit_code == 0
    assert asyncio.run(_status(resident_id)) is ResidentStatus.ERASED
    again = _run("erase", str(resident_id), "--yes")
    assert again.exit_code == 1
    assert "no resident" in again.stderr
    assert "no resident" in _run("export", str(resident_id)).stderr


def test_list_counts_and_names_nobody(resident_id: int) -> None:
    result = _run("list", "--json")
    assert json.loads(result.stdout) == [{"ward_code": "E05016391", "ward": "Southwick", "status": "active", "residents": 1}]
    shown = _run("list").stdout
    assert "Southwick" in shown
    assert world.NAME not in shown


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_no_number_gets_a_sentence_before_anything_is_asked(resident_id: int) -> None:
    for words in (("export", "abc"), ("erase", "abc"), ("erase", "99999999999", "--yes"), ("export", "0")):
        result = _run(*words)
        assert result.exit_code == 1 and result.stdout == ""
        assert result.stderr.startswith(f"“{words[1]}” is not the number of a resident. Their own /export begins with it")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_machine_hears_of_an_erasure(resident_id: int) -> None:
    asked = _run("erase", str(resident_id), "--yes", "--json")
    assert json.loads(asked.stdout) == {"resident_id": resident_id, "erased": True}
    assert "Nobody has signed up yet." in _run("list").stdout
