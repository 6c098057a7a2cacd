"""Signing: a channel around the SMTP one that signs each email before it leaves, on threads, so that the loop stays free."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from intouch import logs
from intouch.channels import mime, outcomes
from intouch.channels.outcomes import Channel, Envelope, Heard, Outcome

log = logs.get("channels")

_BULK = 2
_CHUNK = 20  # small enough that two cores finish together, large enough that handing over costs nothing


class SigningChannel:
    """Signs what ``channel`` then sends. What can't be signed fails alone: an unsigned email would harm the next ones' name.

    OpenSSL lets go of the interpreter while it signs, so two threads keep two cores busy and the loop goes on.
    A reply never waits behind the signatures of bulk: it has a thread to itself.
    """

    def __init__(self, channel: Channel, sign: Callable[[bytes], bytes]) -> None:
        self._channel = channel
        self._sign = sign
        self._bulk = ThreadPoolExecutor(2, thread_name_prefix="dkim-bulk")
        self._prompt = ThreadPoolExecutor(1, thread_name_prefix="dkim")

    async def send_batch(self, envelopes: Sequence[Envelope], heard: Heard) -> None:
        """Sign all of them, then send."""
        loop = asyncio.get_running_loop()
        pool = self._bulk if all(envelope.rank == _BULK for envelope in envelopes) else self._prompt
        chunks = [envelopes[first : first + _CHUNK] for first in range(0, len(envelopes), _CHUNK)]
        done = await asyncio.gather(*(loop.run_in_executor(pool, self._sign_all, chunk) for chunk in chunks))
        ready: list[Envelope] = []
        for envelope, failure in (one for chunk in done for one in chunk):
            if failure is None:
                ready.append(envelope)
            else:
                heard(envelope.number, failure)
        await self._channel.send_batch(ready, heard)

    def halt(self) -> None:
        self._channel.halt()

    async def close(self) -> None:
        for pool in (self._bulk, self._prompt):
            pool.shutdown(wait=False, cancel_futures=True)
        await self._channel.close()

    def _sign_all(self, envelopes: Sequence[Envelope]) -> list[tuple[Envelope, Outcome | None]]:
        return [self._signed(envelope) for envelope in envelopes]

    def _signed(self, envelope: Envelope) -> tuple[Envelope, Outcome | None]:
        if not isinstance(envelope.content, mime.Message):
            return envelope, None  # the channel says what it makes of it
        try:
            return envelope._replace(content=self._sign(mime.whole(envelope.content))), None
        except Exception as error:
            # Its text may quote the message.
            log.error("smtp.signing_failed", delivery=envelope.number, error=type(error).__name__)
            return envelope, outcomes.failed(f"signing failed ({type(error).__name__})")
