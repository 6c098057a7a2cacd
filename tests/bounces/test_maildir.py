"""Reports from a real Maildir."""

from __future__ import annotations

import asyncio
import contextlib
import mailbox
import shutil
from pathlib import Path

import pytest

from intouch.bounces import reading
from intouch.bounces.maildir import Maildir
from intouch.runtime import Runtime
from tests.bounces.mailing import PATHS, intake_of, is_dead, send, sign_up
from tests.bounces.reports import POSTFIX, VACATION, written
from tests.faults import failing


@pytest.fixture
def folder(tmp_path: Path) -> mailbox.Maildir:
    return mailbox.Maildir(tmp_path / "Maildir", create=True)


def _names(folder: mailbox.Maildir, part: str) -> list[str]:
    return sorted(path.name for path in (Path(folder._path) / part).iterdir())  # type: ignore[attr-defined]


async def test_what_was_heeded_is_deleted_and_the_rest_set_aside(runtime: Runtime, folder: mailbox.Maildir) -> None:
    alice = await sign_up(runtime)
    path = PATHS.of(await send(runtime, alice))
    for message in (written(POSTFIX, path=path), written(VACATION, path=path), b"x" * (reading.MOST_BYTES + 1), b"\xff\x00"):
        folder.add(message)
    watching = Maildir(intake_of(runtime), Path(folder._path))  # type: ignore[attr-defined]
    assert await watching.look() == 4
    assert await watching.look() == 0
    assert await is_dead(runtime)
    assert _names(folder, "new") == []
    assert len(_names(folder, "cur")) == 3
    assert all(name.endswith(":2,S") for name in _names(folder, "cur"))


async def test_two_processes_and_a_database_that_was_away_lose_and_double_nothing(runtime: Runtime, folder: mailbox.Maildir) -> None:
    alice = await sign_up(runtime)
    numbers = [await send(runtime, alice, key=f"digest:{number}") for number in range(10)]
    for number in numbers:
        folder.add(written(POSTFIX, path=PATHS.of(number)))
    intakes = [intake_of(runtime) for _ in range(2)]
    watching = [Maildir(intake, Path(folder._path), every=0.01) for intake in intakes]  # type: ignore[attr-defined]
    with failing(OSError("away"), when=lambda *_: True), pytest.raises(OSError, match="away"):
        await watching[0].look()
    assert len(_names(folder, "new")) == 10
    tasks = [asyncio.create_task(one.run()) for one in watching]
    async with asyncio.timeout(20):
        while _names(folder, "new"):
            await asyncio.sleep(0.02)
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert sum(intake.counts["hard"] for intake in intakes) == 10
    assert await is_dead(runtime)


async def test_a_file_that_cannot_be_put_away_holds_up_none_behind_it(runtime: Runtime, folder: mailbox.Maildir) -> None:
    alice = await sign_up(runtime)
    new = Path(folder._path) / "new"  # type: ignore[attr-defined]
    for name, content in (("1", written(VACATION, path="x@y.example")), ("2", written(POSTFIX, path=PATHS.of(await send(runtime, alice))))):
        (new / name).write_bytes(content)
    (new / "0").mkdir()
    shutil.rmtree(new.parent / "cur")
    (new.parent / "cur").touch()  # whatever stands in the way: root may write into every folder
    watching = Maildir(intake_of(runtime), new.parent, at_a_time=2)
    for _ in range(2):
        await watching.look()
    assert await is_dead(runtime)
    assert _names(folder, "new") == ["0", "1"]


async def test_a_folder_that_is_not_there_yet_is_waited_for(runtime: Runtime, tmp_path: Path) -> None:
    assert await Maildir(intake_of(runtime), tmp_path / "later").look() == 0
