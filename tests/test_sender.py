"""Sender: a process that only sends does so by both roads, hears of what did not arrive, and carries nothing that it does not use."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from intouch import settings as settings_module
from intouch.clock import ShiftedClock
from intouch.demo.mailbox import mailbox
from intouch.demo.telegram import simulated_telegram
from intouch.outbox import enqueue, ready
from intouch.outbox.models import Lane, Road
from intouch.sender import Sender
from intouch.templating import TelegramMessage
from tests.journeys.conftest import free_port

_WHAT_IT_LOADS = """
import sys
import intouch.cli.run
from intouch.loading import load
load("intouch.sender:Sender")
print(" ".join(sys.modules))
"""


def test_it_loads_neither_bot_nor_pages_nor_migrations() -> None:
    """A third of the memory of a whole process."""
    loaded = subprocess.run([sys.executable, "-c", _WHAT_IT_LOADS], capture_output=True, text=True, check=True).stdout.split()
    assert "aiosmtplib" in loaded
    assert {"telegram", "aiohttp", "starlette", "uvicorn", "alembic", "apscheduler", "cryptography", "intouch.app"} & set(loaded) == set()


@pytest.fixture
def sender_of(database_url: str, tmp_path: Path, clock: ShiftedClock) -> Callable[..., Sender]:
    def build(**more: str) -> Sender:
        usual = {"data_dir": tmp_path / "data", "database_url": database_url, "secret_key": "a-key-for-tests"}
        return Sender(settings_module.load(**usual, **more), clock=clock)

    return build


def _drafts(now: datetime) -> list[enqueue.Draft]:
    words = TelegramMessage("Hello from the council").to_json()
    letter = {"subject": "Hello", "html": "<p>Hello</p>", "text": "Hello\n", "headers": {}}
    return [
        enqueue.Draft(key="a", kind="message", road=Road.TELEGRAM, lane=Lane.BULK, address="1001", payload=words, due_at=now),
        enqueue.Draft(key="b", kind=ready.KIND, road=Road.EMAIL, lane=Lane.BULK, address="grace@roker.example", payload=letter, due_at=now),
    ]


async def test_it_sends_by_both_roads_and_lets_go_in_time(sender_of: Callable[..., Sender], clock: ShiftedClock) -> None:
    async with simulated_telegram() as telegram, mailbox() as box:
        alice = telegram.person(1001, "Alice")
        await alice.sends("/start")
        sender = sender_of(telegram_token=telegram.token, telegram_api_url=telegram.url, smtp_url=box.url)
        await sender.start()
        async with sender.runtime.sessions.write() as session:
            await enqueue.enqueue_many(session, _drafts(clock.now()))
        await alice.expects("Hello from the council", timeout=15)
        await box.wait_for(to="grace@roker.example", timeout=15)
        async with asyncio.timeout(10):
            await sender.stop()
        assert sender.worker.counts["sent"] == 2


async def test_it_listens_for_reports_of_what_did_not_arrive(sender_of: Callable[..., Sender]) -> None:
    port = free_port()
    listens = {"bounce_address": "bounce@mail.example", "bounce_listen": f"smtp://127.0.0.1:{port}"}
    sender = sender_of(**listens)
    await sender.start()
    reading, writing = await asyncio.open_connection("127.0.0.1", port)
    assert (await asyncio.wait_for(reading.readline(), 5)).startswith(b"220")
    writing.close()
    await writing.wait_closed()
    await sender.stop()
