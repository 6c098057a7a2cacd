"""Sending a batch by a channel and hearing each outcome as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from intouch.channels.outcomes import Channel, Envelope, Outcome
from intouch.channels.smtp_opening import Patience
from tests.channels.scripted_smtp import STALL, ScriptedSmtp

_OPENING = {"greeting", "EHLO"}


def patience_with(server: ScriptedSmtp) -> Patience:
    """Little where the server stalls, which has to be sat out; otherwise more than the busiest machine needs."""
    stalled = {stage for stage, answers in server.script.items() if STALL in answers}
    later = 0.5 if stalled - _OPENING else 20
    return Patience(connect=0.5 if stalled & _OPENING else 20, command=later, final=later)


async def each(channel: Channel, envelopes: Sequence[Envelope]) -> AsyncIterator[tuple[int, Outcome]]:
    """Number and outcome of each envelope, in the order in which the channel tells them; whoever stops listening stops the sending."""
    heard: asyncio.Queue[tuple[int, Outcome] | None] = asyncio.Queue()
    sending = asyncio.create_task(channel.send_batch(envelopes, lambda number, outcome: heard.put_nowait((number, outcome))))
    sending.add_done_callback(lambda _: heard.put_nowait(None))
    try:
        while (one := await heard.get()) is not None:
            yield one
        await sending
    finally:
        sending.cancel()
