"""What the outbox's tests share: drafts, a channel that records, and a look into the table."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from intouch.channels import outcomes
from intouch.channels.outcomes import Envelope, Heard, Outcome
from intouch.outbox import enqueue
from intouch.outbox.enqueue import Draft
from intouch.outbox.habits import Habits
from intouch.outbox.models import Delivery, Lane, Road, State
from intouch.outbox.presence import Presence
from intouch.outbox.rendering import Renderer, render_messages
from intouch.outbox.worker import Worker
from intouch.runtime import Runtime
from intouch.templating import TelegramMessage


def draft(number: int, now: datetime, **changes: Any) -> Draft:
    """A Telegram message to chat ``number``."""
    values: dict[str, Any] = {
        "key": f"test:{number}",
        "kind": "message",
        "road": Road.TELEGRAM,
        "lane": Lane.BULK,
        "address": str(number),
        "payload": TelegramMessage(f"Hello {number}").to_json(),
        "owner": f"resident:{number}",
        "batch": "test:1",
        "due_at": now,
    }
    return Draft(**(values | changes))


async def queue(runtime: Runtime, *drafts: Draft) -> None:
    async with runtime.sessions.write() as session:
        await enqueue.enqueue_many(session, drafts)


async def rows(runtime: Runtime) -> list[Delivery]:
    async with runtime.sessions.read() as session:
        return list(await session.scalars(sa.select(Delivery).order_by(Delivery.id)))


async def states(runtime: Runtime) -> list[State]:
    return [row.state for row in await rows(runtime)]


class RecordingChannel:
    """Answers with ``answer(envelope)`` and remembers everything that it was told to send."""

    def __init__(self, answer: Callable[[Envelope], Outcome] | None = None, *, slow: float = 0.0) -> None:
        self.answer = answer or (lambda envelope: outcomes.sent(f"p{envelope.number}"))
        self.slow = slow
        self.sent: list[str] = []
        self.contents: list[object] = []
        self.is_halting = False
        self.is_closed = False

    async def send_batch(self, envelopes: Sequence[Envelope], heard: Heard) -> None:
        for envelope in envelopes:
            if self.is_halting or not envelope.is_ours():
                heard(envelope.number, outcomes.not_tried("stopping"))
                continue
            self.sent.append(envelope.address)
            self.contents.append(envelope.content)
            await asyncio.sleep(self.slow)
            heard(envelope.number, self.answer(envelope))

    def halt(self) -> None:
        self.is_halting = True

    async def close(self) -> None:
        self.is_closed = True


def worker(runtime: Runtime, channel: Any, *, road: Road = Road.TELEGRAM, habits: Habits | None = None, **options: Any) -> Worker:
    renderers: dict[str, Renderer] = {"message": render_messages} | options.pop("renderers", {})
    return Worker(
        runtime.sessions,
        runtime.clock,
        options.pop("presence", None) or Presence(runtime.settings.data_dir),
        renderers=renderers,
        channels={road: channel},
        email_from="In Touch <news@council.example>",
        habits=habits or Habits(poll=0.02, sweep_every=0.05),
        **options,
    )


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait until something of this process is so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
