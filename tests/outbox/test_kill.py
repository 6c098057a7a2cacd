"""Killed in the middle, again and again: nothing is lost, and hardly anything comes twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from email import message_from_bytes

import pytest
from aiohttp import web

from intouch.outbox.models import Road, State
from intouch.outbox.settler import LARGEST_GROUP
from intouch.runtime import Runtime
from tests.channels import scripted_bot_api
from tests.channels.scripted_bot_api import ScriptedBotApi
from tests.channels.scripted_smtp import ScriptedSmtp, serving
from tests.outbox.outboxes import draft, queue, rows

EMAILS, MESSAGES, KILLS, CONNECTIONS = 1000, 100, 3, 3
IN_FLIGHT = 20  # Telegram messages that one worker's line may have under way


class Bot(ScriptedBotApi):
    """Knows itself, and takes every message a little later."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/getMe"):
            me = {"id": 123456, "is_bot": True, "first_name": "In Touch", "username": "intouch_bot"}
            return web.json_response({"ok": True, "result": me})
        await asyncio.sleep(0.01)
        return await super().handle(request)


def start(database: str, smtp_url: str, bot_url: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.outbox.sending_process", database, smtp_url, bot_url]
    return subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)


@pytest.mark.slow
async def test_a_sender_killed_at_random_moments_loses_nothing(runtime: Runtime, database_url: str) -> None:
    now = datetime.now(UTC)
    emails = [draft(n, now, road=Road.EMAIL, kind="letter", address=f"r{n}@x.example", key=f"mail:{n}") for n in range(EMAILS)]
    await queue(runtime, *emails, *(draft(n, now) for n in range(MESSAGES)))
    senders = 1 if runtime.sessions.is_sqlite else 2
    async with serving(ScriptedSmtp()) as smtp, scripted_bot_api.serving(Bot()) as bot:
        url = smtp.url.replace("connections=1", f"connections={CONNECTIONS}")
        for _ in range(KILLS):
            await _run_and_kill(database_url, url, bot, senders)
        processes = [start(database_url, url, bot.url) for _ in range(senders)]
        try:
            await _until_settled(runtime)
        finally:
            _kill(processes)
    await _check(runtime, smtp, bot, senders)


async def _run_and_kill(database: str, smtp_url: str, bot: ScriptedBotApi, senders: int) -> None:
    heard = len(bot.heard)
    processes = [start(database, smtp_url, bot.url) for _ in range(senders)]
    async with asyncio.timeout(30):
        while len(bot.heard) == heard and all(process.poll() is None for process in processes):
            await asyncio.sleep(0.02)
    await asyncio.sleep(random.uniform(0, 0.3))
    _kill(processes)


def _kill(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def _until_settled(runtime: Runtime) -> None:
    async with asyncio.timeout(60):
        while {row.state for row in await rows(runtime)} & {State.QUEUED, State.SENDING}:
            await asyncio.sleep(0.3)


async def _check(runtime: Runtime, smtp: ScriptedSmtp, bot: ScriptedBotApi, senders: int) -> None:
    found = await rows(runtime)
    mails = [row for row in found if row.road is Road.EMAIL]
    messages = [row for row in found if row.road is Road.TELEGRAM]
    arrived = Counter(address for address, _ in smtp.taken)
    assert {row.state for row in mails} == {State.SENT}
    assert set(arrived) == {row.address for row in mails}
    assert arrived.total() - EMAILS <= KILLS * senders * (CONNECTIONS + LARGEST_GROUP)
    identities = {(address, message_from_bytes(message)["Message-ID"]) for address, message in smtp.taken}
    assert len(identities) == EMAILS  # every repeat is the same message
    heard = Counter(message["chat_id"] for message in bot.heard)
    assert max(heard.values()) == 1
    assert {row.address for row in messages if row.state is State.SENT} <= set(heard)
    unknown = sum(row.state is State.UNKNOWN for row in messages)
    assert {row.state for row in messages} <= {State.SENT, State.UNKNOWN}
    assert unknown <= KILLS * senders * IN_FLIGHT
    print(f"killed {KILLS} times, {senders} senders: lost 0, emails repeated {arrived.total() - EMAILS}, messages unknown {unknown}")
