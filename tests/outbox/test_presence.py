"""A process that died is known to have ended; one that lives, or lives elsewhere, is not."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from intouch.outbox import sweeping
from intouch.outbox.models import Delivery, State
from intouch.outbox.presence import KEPT, Presence
from intouch.runtime import Runtime
from tests.outbox.outboxes import draft, queue

ANOTHER = """
import sys, time
from pathlib import Path
from intouch.outbox.presence import Presence
presence = Presence(Path(sys.argv[1]))
presence.begin()
print(presence.name, flush=True)
time.sleep(600)
"""


def begin(folder: Path) -> Presence:
    presence = Presence(folder)
    presence.begin()
    return presence


def test_a_process_has_ended_once_it_is_killed(tmp_path: Path) -> None:
    ours = begin(tmp_path)
    with subprocess.Popen([sys.executable, "-c", ANOTHER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert not ours.has_ended(name)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert ours.has_ended(name)
    assert not ours.has_ended(ours.name)
    ours.end()


def test_nobody_is_said_to_have_ended_who_can_not_be_seen(tmp_path: Path) -> None:
    ours = begin(tmp_path)
    other = begin(tmp_path)
    gone = begin(tmp_path)
    gone.end()
    elsewhere = "another-machine:" + other.name.split(":", 1)[1]
    for name in (other.name, gone.name, elsewhere, "", ":", "a:b:../../etc/passwd", "x" * 5000):
        assert not ours.has_ended(name)
    other.end()
    other.end()
    ours.end()
    assert list((tmp_path / "running").iterdir()) == []


def test_a_folder_that_can_not_be_written_only_costs_the_knowledge(tmp_path: Path) -> None:
    (tmp_path / "running").write_text("in the way")
    ours = begin(tmp_path)
    assert not ours.has_ended(ours.name)
    ours.end()


def test_what_the_dead_left_is_tidied_away(tmp_path: Path) -> None:
    (tmp_path / "running").mkdir()
    for number in range(KEPT + 5):
        (tmp_path / "running" / f"{number:012}.lock").touch()
    ours = begin(tmp_path)
    assert len(list((tmp_path / "running").iterdir())) == KEPT + 1
    ours.end()


async def test_what_a_dead_process_was_sending_goes_out_again_at_once(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now) for number in range(3)))
    async with runtime.sessions.write() as session:
        held = {"state": State.SENDING, "lease_until": now + timedelta(minutes=1)}
        await session.execute(sa.update(Delivery).values(**held, leased_by="the dead"))
        first = sa.select(sa.func.min(Delivery.id)).scalar_subquery()
        await session.execute(sa.update(Delivery).where(Delivery.id == first).values(leased_by="the living"))
    async with runtime.sessions.write() as session:
        assert await sweeping.holders(session) == {"the dead", "the living"}
        assert await sweeping.sweep(session, now=now, ended={"the dead"}) == sweeping.Swept(queued=2)
        assert await sweeping.holders(session) == {"the living"}
