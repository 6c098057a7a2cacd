"""A pause reaches senders in processes of their own within two seconds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intouch.outbox import holds, ready
from intouch.outbox.models import Road, Stand, State
from intouch.runtime import Runtime
from tests.outbox.outboxes import draft, queue, states
from tests.reliability import sink
from tests.reliability.processes import Group

MESSAGES = 3000
LETTER = {"subject": "Your ward", "html": "<p>Hello</p>", "text": "Hello", "headers": {}}


def email(number: int, now: datetime) -> object:
    return draft(number, now, road=Road.EMAIL, kind=ready.KIND, address=f"r{number}@x.example", payload=LETTER)


@pytest.mark.slow
async def test_two_processes_stop_within_two_seconds_and_go_on_where_they_stopped(
    runtime: Runtime, database_url: str, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    await queue(runtime, *(email(number, now) for number in range(MESSAGES)))  # type: ignore[arg-type]
    async with sink.mail_sink() as mail:
        url = f"{mail.url(2)}&rate=100"
        overrides = {"database_url": database_url, "data_dir": tmp_path, "epoch_file": tmp_path / "epoch.json", "smtp_url": url}
        senders = Group(overrides | {"secret_key": "x"}, ("sender",), tmp_path / "log", number=2, haste=None)
        senders.start()
        try:
            async with asyncio.timeout(60):
                while len(mail.taken) < 100:
                    await asyncio.sleep(0.02)
            async with runtime.sessions.write() as session:
                await holds.order(session, ["test:1"], Stand.PAUSED, by="Olive", now=now)
            await asyncio.sleep(2.0)
            taken = len(mail.taken)
            await asyncio.sleep(1.0)
            assert len(mail.taken) == taken < MESSAGES, senders.last_words()
            async with asyncio.timeout(20):
                while {State.QUEUED, State.SENDING} & set(await states(runtime)):
                    await asyncio.sleep(0.2)
            async with runtime.sessions.write() as session:
                await holds.resume(session, ["test:1"])
            async with asyncio.timeout(20):
                while len(mail.taken) <= taken + 10:
                    await asyncio.sleep(0.05)
        finally:
            await senders.kill()
            await asyncio.sleep(0.5)  # until the sink has heard that its connections are gone
    assert len({address for address, _ in mail.taken}) == len(mail.taken)
