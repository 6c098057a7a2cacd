"""How fast emails leave, step by step: ``python -m benchmarks.delivery [NUMBER]``. Peers and tables come with docs/benchmarks.md."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.channels import mime
from intouch.channels.outcomes import Envelope
from intouch.channels.smtp import SmtpChannel
from intouch.clock import SystemClock
from intouch.letters import Letter
from intouch.outbox import enqueue
from intouch.outbox.models import Lane, Road
from intouch.outbox.parcel import Parcel
from intouch.outbox.presence import Presence
from intouch.outbox.rendering import Encoded, Rendered, Renderer
from intouch.outbox.worker import Worker
from intouch.smtp_address import SmtpAddress
from intouch.storage import upgrade
from intouch.storage.sessions import Sessions, open_engine

FROM = "In Touch <news@council.example>"
LETTER = Letter("This week in Southwick", "<p>Grüße aus Southwick, was gibt es Neues?</p>\n" * 450, "Grüße aus Southwick\n" * 200)
NOW = datetime.now(UTC)


def compose(number: int) -> bytes:
    return mime.compose(LETTER, sender=FROM, recipient=f"r{number}@x.example", message_id=mime.message_id(str(number), FROM), at=NOW)


def wait_for(port: int) -> None:
    """Until something listens there."""
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)


def begin() -> tuple[float, float]:
    return time.monotonic(), time.process_time()


def show(what: str, number: int, began: tuple[float, float]) -> None:
    wall, cpu = time.monotonic() - began[0], time.process_time() - began[1]
    print(f"{what:40} {number / wall:10,.0f} /s {cpu / number * 1e6:10,.0f} µs of CPU each")


async def channel_alone(url: str, number: int) -> None:
    channel = SmtpChannel(SmtpAddress(url), email_from=FROM)
    message = compose(1)
    began = begin()
    for start in range(0, number, 1000):
        batch = [Envelope(n, f"r{n}@x.example", message) for n in range(start, min(number, start + 1000))]
        await channel.send_batch(batch, lambda _number, _outcome: None)
    show(f"SMTP, {len(message) // 1000} KB ready", number, began)
    await channel.close()


async def whole_way(url: str, number: int, renderer: Renderer, what: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{folder}/bench.sqlite3")
        await upgrade.upgrade(engine)
        sessions = Sessions(engine)
        began = begin()
        drafts = [
            enqueue.Draft(
                key=f"b:{n}", kind="bench", road=Road.EMAIL, lane=Lane.BULK, address=f"r{n}@x.example", due_at=NOW, batch="edition:1"
            )
            for n in range(number)
        ]
        async with sessions.write() as session:
            await enqueue.enqueue_many(session, drafts)
        show("enqueue", number, began)
        channel = SmtpChannel(SmtpAddress(url), email_from=FROM)
        presence = Presence(Path(folder))
        worker = Worker(sessions, SystemClock(), presence, renderers={"bench": renderer}, channels={Road.EMAIL: channel}, email_from=FROM)
        began = begin()
        task = asyncio.create_task(worker.run())
        while worker.counts["sent"] < number:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        show(what, number, began)
        await worker.stop()
        await task
        await sessions.close()


async def render_letters(_session: AsyncSession, deliveries: Sequence[Parcel]) -> Mapping[int, Rendered]:
    return {delivery.id: LETTER for delivery in deliveries}


async def render_ready(_session: AsyncSession, deliveries: Sequence[Parcel]) -> Mapping[int, Rendered]:
    return {delivery.id: Encoded(_READY) for delivery in deliveries}


_READY = compose(0)


def main(number: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sink = subprocess.Popen([sys.executable, "-m", "benchmarks.sink", str(port)])
    wait_for(port)
    url = f"smtp://127.0.0.1:{port}?connections=8"
    try:
        began = begin()
        for n in range(1000):
            compose(n)
        show(f"compose a letter of {len(_READY) // 1000} KB", 1000, began)
        asyncio.run(channel_alone(url, number))
        asyncio.run(whole_way(url, number, render_ready, "whole way on SQLite, bytes ready"))
        asyncio.run(whole_way(url, number, render_letters, "whole way on SQLite, composing each"))
    finally:
        sink.terminate()
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
