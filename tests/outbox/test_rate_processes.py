"""Senders in processes of their own keep the rate of their mail server together."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intouch.outbox import ready
from intouch.outbox.models import Road
from intouch.runtime import Runtime
from tests.outbox.outboxes import draft, queue
from tests.reliability import sink
from tests.reliability.processes import Group

RATE = 50
EMAILS = 3000  # more than one of them claims at a time
LETTER = {"subject": "Your ward", "html": "<p>Hello</p>", "text": "Hello", "headers": {}}


@pytest.mark.slow
async def test_two_senders_send_no_more_than_the_rate_allows_to_one(runtime: Runtime, database_url: str, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    emails = (
        draft(number, now, road=Road.EMAIL, kind=ready.KIND, address=f"r{number}@x.example", payload=LETTER) for number in range(EMAILS)
    )
    await queue(runtime, *emails)
    async with sink.mail_sink() as mail:
        overrides = {"database_url": database_url, "data_dir": tmp_path, "epoch_file": tmp_path / "epoch.json", "secret_key": "x"}
        overrides["smtp_url"] = f"{mail.url(4)}&rate={RATE}"
        senders = Group(overrides, ("sender",), tmp_path / "log", number=2, haste=None)
        senders.start()
        try:
            async with asyncio.timeout(60):
                while not mail.taken:
                    await asyncio.sleep(0.001)
            began = time.monotonic()
            await asyncio.sleep(10)
            assert len(mail.taken) <= RATE * (time.monotonic() - began) + 10, senders.last_words()
        finally:
            await senders.kill()
            await asyncio.sleep(0.5)  # until the sink has heard that its connections are gone
    assert len(mail.taken) > RATE
