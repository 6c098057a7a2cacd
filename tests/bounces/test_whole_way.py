"""From the email that leaves to the message in the chat: the whole application and a mail server that bounces."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from email.utils import parseaddr
from pathlib import Path

import pytest
import sqlalchemy as sa

from intouch import app
from intouch import settings as settings_module
from intouch.bounces.models import BounceReport
from intouch.outbox import addresses, enqueue
from intouch.outbox.models import Delivery, Lane, Road, State
from intouch.runtime import Runtime
from tests.bounces import mailing
from tests.bounces.reports import POSTFIX, written
from tests.bounces.test_listener import bring
from tests.channels.scripted_smtp import ScriptedSmtp, serving


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.asynccontextmanager
async def _running(house: app.Application) -> AsyncIterator[Runtime]:
    await house.start()
    try:
        yield house.runtime
    finally:
        await house.stop()


async def _letter(runtime: Runtime, owner: int, key: str) -> None:
    async with runtime.sessions.write() as session:
        draft = enqueue.Draft(
            key=key,
            kind="letter",
            road=Road.EMAIL,
            lane=Lane.BULK,
            address=mailing.ADDRESS,
            payload={"template": "confirm_email", "values": {"url": "https://council.example/x", "consent": ""}},
            owner=f"resident:{owner}",
            due_at=runtime.now(),
        )
        await enqueue.enqueue(session, draft)


async def _until(runtime: Runtime, key: str, state: State) -> None:
    async with asyncio.timeout(20):
        while True:
            async with runtime.sessions.read() as session:
                if await session.scalar(sa.select(Delivery.state).where(Delivery.key == key)) is state:
                    return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("way", ["lmtp", "maildir"])
async def test_what_bounces_is_not_sent_again_and_its_owner_is_told(database_url: str, tmp_path: Path, way: str) -> None:
    port, folder = _free_port(), tmp_path / "Maildir"
    (folder / "new").mkdir(parents=True)
    async with serving(ScriptedSmtp()) as server:
        chosen = settings_module.load(
            data_dir=tmp_path / "data",
            database_url=database_url,
            smtp_url=server.url,
            email_from="In Touch <news@council.example>",
            bounce_address="Bounce@mail.council.example",
            bounce_listen=f"lmtp://127.0.0.1:{port}" if way == "lmtp" else "",
            bounce_maildir=folder if way == "maildir" else None,
        )
        async with _running(app.Application(chosen, parts=("sender",))) as runtime:
            alice = await mailing.sign_up(runtime)
            await _letter(runtime, alice, "letter:1")
            await _until(runtime, "letter:1", State.SENT)
            path = next(line for line in server.commands if line.startswith("MAIL")).partition("<")[2].partition(">")[0]
            assert path.startswith("bounce+")
            report = written(POSTFIX, path=path, to=mailing.ADDRESS)
            if way == "lmtp":
                assert await bring("lmtp", port, report, path) == {}
            else:
                (folder / "new" / "1").write_bytes(report)
            async with asyncio.timeout(20):
                while not await mailing.is_dead(runtime):
                    await asyncio.sleep(0.05)
            await _letter(runtime, alice, "letter:2")
            await _until(runtime, "letter:2", State.CANCELLED)
            async with runtime.sessions.read() as session:
                (message,) = await mailing.told(session)
                assert mailing.ADDRESS in message.payload["text"]
                assert (await session.scalars(sa.select(BounceReport.status))).all() == ["5.1.1"]
            header = next(line for line in server.taken[0][1].decode().splitlines() if line.startswith("From:"))
            assert parseaddr(header)[1] != path


async def test_a_mailbox_that_is_refused_at_once_is_told_in_the_chat_too(database_url: str, tmp_path: Path) -> None:
    async with serving(ScriptedSmtp({"RCPT": ["550 5.1.1 no such user"]})) as server:
        chosen = settings_module.load(data_dir=tmp_path / "data", database_url=database_url, smtp_url=server.url)
        async with _running(app.Application(chosen, parts=("sender",))) as runtime:
            alice = await mailing.sign_up(runtime)
            await _letter(runtime, alice, "letter:1")
            await _until(runtime, "letter:1", State.FAILED)
            async with runtime.sessions.read() as session:
                assert len(await mailing.told(session)) == 1
                assert await addresses.is_dead(session, Road.EMAIL, mailing.ADDRESS)
            assert await mailing.gets(runtime, alice) == {"surveys/telegram"}
    assert "MAIL FROM:<intouch@council.example>" in server.commands[1]
