"""Where the mail server's URL names a rate, a sender takes little in advance: the others have their parts of the rate too."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from pydantic import SecretStr

from intouch import sender
from intouch.channels import outcomes
from intouch.channels.outcomes import Envelope, Heard
from intouch.outbox import ready
from intouch.outbox.models import Road, State
from intouch.outbox.presence import Presence
from intouch.runtime import Runtime
from tests.conftest import ON_ONE_DATABASE
from tests.outbox.outboxes import draft, queue, states, until

EMAILS = 300
LETTER = {"subject": "Your ward", "html": "<p>Hello</p>", "text": "Hello", "headers": {}}


class Slow:
    """Sends nothing before it is halted."""

    def __init__(self) -> None:
        self.given = 0
        self._halted = asyncio.Event()

    async def send_batch(self, envelopes: Sequence[Envelope], heard: Heard) -> None:
        self.given += len(envelopes)
        await self._halted.wait()
        for envelope in envelopes:
            heard(envelope.number, outcomes.not_tried("stopping"))

    def halt(self) -> None:
        self._halted.set()

    async def close(self) -> None:
        self.halt()


@ON_ONE_DATABASE
@pytest.mark.parametrize(("more", "taken"), [("?rate=20", 100), ("?rate=0.5", 5), ("", EMAILS)])
async def test_one_sender_leaves_to_the_others_what_it_can_not_send_soon(runtime: Runtime, more: str, taken: int) -> None:
    """All of a small edition lay in one of three, which sent it at a third of the rate."""
    settings = runtime.settings.model_copy(update={"smtp_url": SecretStr(f"smtp://mail.council.example{more}")})
    road = {"road": Road.EMAIL, "kind": ready.KIND, "payload": LETTER}
    await queue(runtime, *(draft(number, runtime.now(), address=f"r{number}@x.example", **road) for number in range(EMAILS)))
    channel = Slow()
    worker = sender.build_worker(replace(runtime, settings=settings), Presence(settings.data_dir), email=channel)
    running = asyncio.create_task(worker.run())
    await until(lambda: channel.given >= taken)
    await asyncio.sleep(0.2)  # time enough for another claim
    found = await states(runtime)
    assert (found.count(State.SENDING), channel.given) == (taken, taken)
    await worker.stop(within=5)
    await running
