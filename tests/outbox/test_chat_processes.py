"""Senders in processes of their own keep the pace of a bot together: over all chats, and for each of them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from intouch.runtime import Runtime
from tests.channels.scripted_bot_api import TOKEN, ScriptedBotApi, serving
from tests.outbox.outboxes import draft, queue
from tests.reliability.processes import Group

CHATS = 10  # as many as a sender claims at a time, so that the next message to each is another's
ROUNDS = 12


class Timed(ScriptedBotApi):
    """Remembers when each chat was written to."""

    def __init__(self) -> None:
        super().__init__()
        self.times: dict[int, list[float]] = defaultdict(list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        data = await request.json()
        if "chat_id" in data:
            self.times[data["chat_id"]].append(time.monotonic())
        return await super().handle(request)


@pytest.mark.slow
async def test_two_senders_write_to_a_chat_once_a_second(runtime: Runtime, database_url: str, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    chats = [str(100 + number % CHATS) for number in range(CHATS * ROUNDS)]
    await queue(runtime, *(draft(number, now, address=chat) for number, chat in enumerate(chats)))
    api = Timed()
    async with serving(api, api.handle):
        overrides = {"database_url": database_url, "data_dir": tmp_path, "epoch_file": tmp_path / "epoch.json", "secret_key": "x"}
        overrides |= {"telegram_token": TOKEN, "telegram_api_url": api.url}
        senders = Group(overrides, ("sender",), tmp_path / "log", number=2, haste=None)
        senders.start()
        try:
            async with asyncio.timeout(60):
                while sum(map(len, api.times.values())) < len(chats):
                    await asyncio.sleep(0.1)
        finally:
            await senders.kill()
    gaps = [later - earlier for times in api.times.values() for earlier, later in itertools.pairwise(times)]
    assert len(gaps) == len(chats) - CHATS
    assert min(gaps) > 0.8, sorted(gaps)[:20]  # a busy machine is late with a call now and then
    moments = sorted(moment for times in api.times.values() for moment in times)
    assert max(sum(at <= other < at + 1 for other in moments) for at in moments) <= 30
