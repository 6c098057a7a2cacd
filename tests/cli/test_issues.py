"""The issue commands, as somebody types them."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image
from sqlalchemy.ext.asyncio import AsyncSession
from typer.testing import CliRunner, Result

from intouch import app as application
from intouch import settings as settings_module
from intouch.cli import issues
from intouch.issues import reporting
from intouch.issues.models import IssueReport
from intouch.outbox.models import Delivery
from tests.issues.cast import CATEGORIES, NOW, TODAY, a_draft, a_photo, a_report, seed


@pytest.fixture
def typed(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("INTOUCH_DATABASE_URL", database_url)
    monkeypatch.setenv("INTOUCH_DATA_DIR", str(tmp_path / "data"))
    return lambda *words: CliRunner().invoke(issues.app, words)


def written(url: str, work: Callable[[AsyncSession], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        runtime = application.build_runtime(settings_module.load(database_url=url))
        try:
            async with runtime.sessions.write() as session:
                return await work(session)
        finally:
            await runtime.sessions.close()

    return asyncio.run(run())


@pytest.fixture
def reference(database_url: str) -> str:
    """Alice's report about litter in Southwick, with one photo; beside it one of Bob's, and Grace's draft."""

    async def work(session: AsyncSession) -> str:
        cast = await seed(session)
        draft = await a_draft(session, cast.alice)
        await reporting.add_photo(session, draft, a_photo(), now=NOW)
        sent = await reporting.send_in(session, draft.id, resident_id=cast.alice, categories=CATEGORIES, on=TODAY, now=NOW)
        await a_report(session, cast.bob, category="pothole")
        await a_draft(session, cast.grace)
        return sent.report.reference or ""

    return str(written(database_url, work))


@pytest.fixture
def nothing(database_url: str) -> None:
    written(database_url, seed)


def test_reports_are_listed_by_ward_status_and_team(typed: Callable[..., Result], reference: str) -> None:
    both = typed("list")
    assert both.exit_code == 0 and reference in both.stdout and both.stdout.count("SR-") == 2
    assert typed("list", "--ward", "e05016391", "--status", "reported", "--team", "north response team").stdout == both.stdout
    assert typed("list", "--status", "fixed").stdout == "No reports match.\n"
    assert typed("list", "--ward", "southwick", "--status", "reported").stdout == both.stdout
    assert typed("list", "--ward", "E05016377").stdout == "No reports match.\n"
    assert typed("list", "--limit", "1").stdout.count("SR-") == 1


def test_a_machine_reads_the_list_as_json_without_who_reported(typed: Callable[..., Result], reference: str) -> None:
    lines = json.loads(typed("list", "--json").stdout)
    line = next(one for one in lines if one["reference"] == reference)
    assert line["category_name"] == "Litter" and line["ward_code"] == "E05016391" and line["status"] == "reported"
    assert not any("resident" in key for key in line)


def test_an_update_is_stored_and_told_to_the_reporter(typed: Callable[..., Result], reference: str, database_url: str) -> None:
    done = typed("update", reference.lower().replace("-", " "), "--status", "in-progress", "--note", "A team is on its way.")
    assert (done.exit_code, done.stdout) == (0, f"{reference} is in_progress.\n")

    async def told(session: AsyncSession) -> list[str]:
        return list(await session.scalars(sa.select(Delivery.address)))

    assert written(database_url, told) == ["1001"]
    shown = typed("show", reference).stdout
    assert "A team is on its way." in shown and "Bottles beside the bench" in shown and "Alice" not in shown
    assert [one["status"] for one in json.loads(typed("show", reference, "--json").stdout)["updates"]] == ["reported", "in_progress"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_report_is_shown_in_council_time_and_its_words_rule_no_terminal(
    typed: Callable[..., Result], reference: str, database_url: str
) -> None:
    async def work(session: AsyncSession) -> None:
        values = {"description": "Dark\x1b[2J\u202e\nstatus: fixed", "reported_at": datetime(2026, 6, 30, 23, 30, 5, 999, tzinfo=UTC)}
        await session.execute(sa.update(IssueReport).where(IssueReport.reference == reference).values(values))

    written(database_url, work)
    shown = typed("show", reference).stdout
    assert "reported at: Wednesday 1 July 2026 at 12:30 am\n" in shown and f"{reference}  2026-07-01" in typed("list").stdout
    assert "description: Dark\ufffd[2J\ufffd\n    status: fixed\n" in shown
    told = json.loads(raw := typed("show", reference, "--json").stdout)
    assert told["reported_at"] == "2026-06-30T23:30:05+00:00" and told["description"] == "Dark\x1b[2J\u202e\nstatus: fixed"
    assert not {"\x1b", "\u202e"} & set(raw)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_machine_hears_what_an_update_did_and_where_the_photos_are(typed: Callable[..., Result], reference: str, tmp_path: Path) -> None:
    told = json.loads(typed("update", reference, "--status", "fixed", "--note", "Swept.", "--json").stdout)
    assert (told["reference"], told["status"], told["note"]) == (reference, "fixed", "Swept.")
    assert datetime.fromisoformat(told["updated_at"]).utcoffset() == timedelta(0)
    photos = json.loads(typed("photos", reference, "--out", str(tmp_path / "photos"), "--json").stdout)
    assert photos == {"photos": [str(tmp_path / "photos" / f"{reference}-1.jpg")]}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["update", "SR-22222", "--status", "fixed"], "There is no report SR-22222"),
        (["update", "lamp", "--status", "fixed"], "It looks like SR-7K3M2"),
        (["update", "SR-22222", "--status", "done"], "There is no status “done”"),
        (["update", "SR-22222", "--status", "draft"], "There is no status “draft”"),
        (["show", "SR-22222"], "There is no report SR-22222"),
        (["photos", "SR-22222", "--out", "x"], "There is no report SR-22222"),
        (["list", "--ward", "Nowhere"], "no ward “Nowhere”"),
        (["list", "--status", "cancelled"], "There is no status “cancelled”"),
    ],
)
def test_a_mistake_gets_one_line_and_exit_code_1(typed: Callable[..., Result], nothing: None, words: list[str], says: str) -> None:
    result = typed(*words)
    assert result.exit_code == 1 and says in result.stderr and result.stderr.count("\n") == 1


def test_photos_are_written_into_a_folder(typed: Callable[..., Result], reference: str, tmp_path: Path) -> None:
    result = typed("photos", reference, "--out", str(tmp_path / "new" / "photos"))
    path = tmp_path / "new" / "photos" / f"{reference}-1.jpg"
    assert result.stdout == f"{path}\n"
    assert Image.open(io.BytesIO(path.read_bytes())).size == (60, 40)
    (tmp_path / "file").write_text("in the way")
    assert "can't be written" in typed("photos", reference, "--out", str(tmp_path / "file" / "x")).stderr


def test_every_command_has_help_with_an_example() -> None:
    for name in ("list", "update", "show", "photos"):
        assert f"Example: intouch issue {name}" in CliRunner().invoke(issues.app, [name, "--help"]).stdout
