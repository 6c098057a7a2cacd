"""A database restored from a backup is noticed, and sends nothing by itself; a fresh one and a moved one just begin."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from intouch import app
from intouch.channels.outcomes import Envelope, Heard
from intouch.clock import ShiftedClock
from intouch.outbox import epoch, holds
from intouch.outbox.epoch import Keeper
from intouch.outbox.models import Delivery, Epoch, Lane, State
from intouch.runtime import Runtime
from intouch.settings import load
from intouch.storage import upgrade
from tests.outbox.outboxes import RecordingChannel, draft, queue, rows, states, until, worker
from tests.outbox.test_worker import running


def keeper(runtime: Runtime) -> Keeper:
    return Keeper(runtime.sessions, runtime.clock, runtime.settings.epoch_path)


async def set_back(runtime: Runtime) -> None:
    """As if the database were from three beats ago."""
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Epoch).values(beat=Epoch.beat - 3))


async def beats(runtime: Runtime, number: int = 5) -> list[bool]:
    return [await keeper(runtime).beat() for _ in range(number)]


async def test_a_fresh_database_and_one_on_another_machine_just_begin(runtime: Runtime) -> None:
    assert not any(await beats(runtime))
    runtime.settings.epoch_path.unlink()
    assert not any(await beats(runtime))
    assert len(json.loads(runtime.settings.epoch_path.read_text())) == 1


async def test_a_restore_is_noticed_once_and_holds_what_waits_until_it_is_approved(runtime: Runtime, now: datetime) -> None:
    await beats(runtime)
    await queue(runtime, draft(1, now), draft(2, now))
    await set_back(runtime)
    assert await beats(runtime) == [True, False, False, False, False]
    now = runtime.clock.now()
    await queue(runtime, draft(3, now, batch="made anew"), draft(4, now, lane=Lane.NOTICE))
    channel = RecordingChannel()
    await worker(runtime, channel).send_due()
    assert channel.sent == ["4"]
    assert await states(runtime) == [State.HELD, State.HELD, State.HELD, State.SENT]
    async with runtime.sessions.write() as session:
        assert await holds.held_since(session) == (await holds.standing(session))[0].at
        assert await holds.approve(session) == 3
        assert await holds.held_since(session) is None
    await worker(runtime, channel).send_due()
    assert sorted(channel.sent) == ["1", "2", "3", "4"]
    assert not any(await beats(runtime))


async def test_the_same_backup_restored_a_second_time_is_noticed_again(runtime: Runtime) -> None:
    await beats(runtime)
    async with runtime.sessions.read() as session:
        before = (await session.scalars(sa.select(Epoch))).one()
    await beats(runtime)
    for _ in range(2):
        async with runtime.sessions.write() as session:
            await session.execute(sa.delete(Epoch))
            session.add(Epoch(database=before.database, beat=before.beat, at=before.at))
        assert await beats(runtime, 2) == [True, False]


async def test_a_database_that_is_filled_anew_under_a_sender_is_a_restore(runtime: Runtime, now: datetime) -> None:
    """As pg_restore does it: the tables are there and empty for a while, and the old name comes back behind that of the sender."""
    one = keeper(runtime)
    assert not await one.beat()
    async with runtime.sessions.write() as session:
        before = (await session.scalars(sa.select(Epoch))).one()
        await session.execute(sa.delete(Epoch))
    assert await one.beat()
    async with runtime.sessions.write() as session:
        session.add(Epoch(database="z" * 16, beat=before.beat, at=before.at))
    await queue(runtime, draft(1, now))
    assert not await one.beat()
    channel = RecordingChannel()
    await worker(runtime, channel, before_claim=one.before_claim).send_due()
    assert channel.sent == []
    assert await states(runtime) == [State.HELD]


async def test_nothing_is_sent_while_a_restore_cannot_be_written_down(runtime: Runtime, now: datetime) -> None:
    """As pg_restore does it, too: the constraints come last, and without them there is no order to hold."""
    one, channel = keeper(runtime), RecordingChannel()
    await one.beat()
    await queue(runtime, draft(1, now))
    await set_back(runtime)
    await _execute(runtime, "ALTER TABLE batch_holds RENAME TO elsewhere")
    await _execute(runtime, "CREATE TABLE batch_holds AS SELECT * FROM elsewhere")
    with pytest.raises(sa.exc.DBAPIError):
        await one.beat()
    await worker(runtime, channel, before_claim=one.before_claim).send_due()
    assert channel.sent == []
    await _execute(runtime, "DROP TABLE batch_holds")
    await _execute(runtime, "ALTER TABLE elsewhere RENAME TO batch_holds")
    assert await one.beat()
    assert await states(runtime) == [State.HELD]


async def _execute(runtime: Runtime, statement: str) -> None:
    async with runtime.sessions.write() as session:
        await session.execute(sa.text(statement))


async def test_many_senders_that_beat_at_once_never_see_a_restore(runtime: Runtime) -> None:
    keepers = [keeper(runtime) for _ in range(5)]
    for _ in range(4):
        assert not any(await asyncio.gather(*(one.beat() for one in keepers)))


@pytest.mark.parametrize("words", ["", "{", "[]", '{"a": 1}', '{"a": {"beat": "x"}}', "\x00\xff"])
async def test_a_file_that_nobody_can_read_is_written_anew(runtime: Runtime, words: str) -> None:
    runtime.settings.epoch_path.write_text(words)
    assert not any(await beats(runtime, 2))
    assert len(json.loads(runtime.settings.epoch_path.read_text())) == 1


async def test_a_folder_that_cannot_be_written_to_stops_nobody(runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    one = Keeper(runtime.sessions, runtime.clock, tmp_path / "file" / "epoch.json")
    assert [await one.beat(), await one.beat()] == [False, False]


async def test_the_file_remembers_other_databases_too(runtime: Runtime, now: datetime) -> None:
    file = epoch.EpochFile(runtime.settings.epoch_path)
    file.write("another", 7, now)
    file.write("another", 5, now)
    await beats(runtime, 1)
    assert file.beat_of("another") == 7
    assert len(file.read()) == 2


async def test_a_copy_of_the_file_from_before_is_put_back_and_its_sender_sends_nothing(
    sqlite_url: str, tmp_path: Path, now: datetime
) -> None:
    database = Path(sqlite_url.removeprefix("sqlite:///"))

    def opened() -> Runtime:
        return app.build_runtime(load(database_url=sqlite_url, data_dir=tmp_path, secret_key="x"), ShiftedClock(now))

    runtime = opened()
    await beats(runtime, 2)
    await queue(runtime, *(draft(number, now) for number in range(30)))
    with contextlib.closing(sqlite3.connect(database)) as source, contextlib.closing(sqlite3.connect(tmp_path / "backup")) as copy:
        source.backup(copy)
    channel = RecordingChannel()
    async with running(worker(runtime, channel, beat=keeper(runtime).beat)):
        await until(lambda: len(channel.sent) == 30)
    await runtime.sessions.close()
    for name in ("", "-wal", "-shm"):
        Path(f"{database}{name}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup", database)

    runtime, again = opened(), RecordingChannel()
    async with running(worker(runtime, again, beat=keeper(runtime).beat)):
        await _all_held(runtime)
        await queue(runtime, draft(99, now, batch="made anew by the schedule"))
        await _all_held(runtime)
    assert again.sent == []
    assert "restored" in ((await rows(runtime))[0].error or "")
    await runtime.sessions.close()


async def test_a_backup_from_before_the_first_sender_is_noticed_too(tmp_path: Path, now: datetime) -> None:
    fresh = tmp_path / "fresh.sqlite3"
    runtime = app.build_runtime(load(database_url=f"sqlite:///{fresh}", data_dir=tmp_path, secret_key="x"), ShiftedClock(now))
    await upgrade.upgrade(runtime.sessions.engine)
    async with runtime.sessions.read() as session:
        before = (await session.scalars(sa.select(Epoch))).one()
    assert await beats(runtime, 2) == [False, False]
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Epoch).values(beat=before.beat))
    assert await beats(runtime, 2) == [True, False]
    await runtime.sessions.close()


async def _all_held(runtime: Runtime) -> None:
    async with asyncio.timeout(20):
        while set(await states(runtime)) != {State.HELD}:
            await asyncio.sleep(0.05)


async def test_nothing_is_claimed_before_the_first_beat(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now))
    may_beat, channel = asyncio.Event(), RecordingChannel()

    async def beat() -> None:
        if not may_beat.is_set():
            raise OSError("the database is away")

    async with running(worker(runtime, channel, beat=beat)):
        await asyncio.sleep(0.4)
        assert channel.sent == []
        may_beat.set()
        await until(lambda: channel.sent == ["1"])


async def test_a_restore_to_the_second_before_a_kill_is_noticed(runtime: Runtime, now: datetime) -> None:
    one, channel = keeper(runtime), RecordingChannel()
    assert not await one.beat()
    await queue(runtime, *(draft(number, now) for number in range(5)))
    sender = worker(runtime, channel, beat=one.beat, before_claim=one.before_claim, note_sent=one.note_sent)
    await sender.send_due()
    await queue(runtime, *(draft(number, now) for number in range(5, 10)))
    await sender.send_due()  # now on connections behind which it has looked
    assert not any(await beats(runtime))
    async with runtime.sessions.write() as session:  # as it was before they were sent, with no beat in between
        await session.execute(sa.update(Delivery).values(state=State.QUEUED, settled_at=None, provider_id=None))
    assert await beats(runtime) == [True, False, False, False, False]
    await worker(runtime, channel).send_due()
    assert len(channel.sent) == 10


async def test_what_another_has_taken_over_is_no_sign_of_a_restore(runtime: Runtime, now: datetime) -> None:
    one = keeper(runtime)
    await one.beat()
    await queue(runtime, draft(1, now))

    class Robbed(RecordingChannel):
        async def send_batch(self, envelopes: Sequence[Envelope], heard: Heard) -> None:
            async with runtime.sessions.write() as session:
                await session.execute(sa.update(Delivery).values(leased_by="another"))
            await super().send_batch(envelopes, heard)

    await worker(runtime, Robbed(), note_sent=one.note_sent).send_due()
    assert await states(runtime) == [State.SENDING]
    assert not any(await beats(runtime))


async def test_whoever_stops_leaves_no_backup_that_is_as_new(runtime: Runtime) -> None:
    one = worker(runtime, RecordingChannel(), beat=keeper(runtime).beat)
    async with running(one):
        await until(runtime.settings.epoch_path.exists)
        async with runtime.sessions.read() as session:
            backup = (await session.scalars(sa.select(Epoch.beat))).one()
    async with runtime.sessions.write() as session:
        await session.execute(sa.update(Epoch).values(beat=backup))
    assert await beats(runtime, 2) == [True, False]
