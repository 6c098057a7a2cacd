"""Updates: what the bot has still to hear, by long polling or by webhook, at least once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from intouch.demo.telegram.refusals import bad_request, other_poller, webhook_is_set

Update = dict[str, Any]

_WANTED_UNLESS_TOLD = {"message", "edited_message", "callback_query", "my_chat_member"}
_LONGEST_POLL = 50


class Updates:
    """The queue of updates of one bot. Handing one out does not remove it: confirming a later offset does."""

    def __init__(self) -> None:
        self.pending: list[Update] = []
        self.handed_out: list[Update] = []
        self.delivers_twice = False
        self.webhook: dict[str, Any] = {}
        self.on_call: Callable[[str, dict[str, Any]], Awaitable[None]] | None = None
        self.allowed = set(_WANTED_UNLESS_TOLD)
        self._again: list[Update] = []
        self._last_id = random.randint(100_000_000, 900_000_000)
        self._arrived = asyncio.Event()
        self._poll = 0
        self._delivering: asyncio.Task[None] | None = None
        self._closed = False

    def add(self, kind: str, body: dict[str, Any]) -> Update:
        """Queue an update, unless the bot said that it does not want this kind."""
        self._last_id += 1
        update = {"update_id": self._last_id, kind: body}
        if kind in self.allowed:
            self.pending.append(update)
            self._ring()
        return update

    def redeliver_last(self, number: int) -> None:
        """Deliver the last ``number`` updates that were handed out once more, confirmed or not."""
        self._again.extend(self.handed_out[-number:])
        self._ring()

    async def drained(self) -> None:
        """Wait until the bot has confirmed everything that was sent to it."""
        while self.pending or self._again:
            await self._arrived.wait()

    # -- long polling

    async def poll(self, *, offset: int, limit: int, timeout: int, allowed: list[str] | None) -> list[Update]:
        """``getUpdates``; a poll that is still waiting when the next one comes is ended with 409."""
        if self.webhook:
            raise webhook_is_set()
        self._want(allowed)
        self._poll += 1
        mine = self._poll
        self._confirm(offset)
        self._ring()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(max(timeout, 0), _LONGEST_POLL)):
                while not (self.pending or self._again or self._closed or self._poll != mine):
                    await self._arrived.wait()
        if self._poll != mine:
            raise other_poller()
        return self._hand_out(min(max(limit, 1), 100))

    def _want(self, allowed: list[str] | None) -> None:
        if allowed is not None:
            self.allowed = set(allowed) or set(_WANTED_UNLESS_TOLD)

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            self.pending = self.pending[offset:]
        else:
            self.pending = [update for update in self.pending if update["update_id"] >= offset]

    def _hand_out(self, limit: int) -> list[Update]:
        again, self._again = self._again, []
        fresh = self.pending[:limit]
        known = {update["update_id"] for update in self.handed_out[-500:]}
        if self.delivers_twice:
            self._again = [update for update in fresh if update["update_id"] not in known]
        self.handed_out.extend(update for update in fresh if update["update_id"] not in known)
        seen_now = {update["update_id"] for update in fresh}
        return [*(update for update in again if update["update_id"] not in seen_now), *fresh]

    def _ring(self) -> None:
        arrived, self._arrived = self._arrived, asyncio.Event()
        arrived.set()

    # -- webhook

    def set_webhook(self, url: str, *, secret: str, allowed: list[str] | None, drop: bool) -> None:
        """``setWebhook``; an empty address removes it. Plain http is taken for this machine only."""
        if drop:
            self.pending.clear()
        if url and not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
        self._want(allowed)
        self.webhook = {"url": url, "secret": secret, "error": ""} if url else {}
        self._poll += 1
        self._ring()
        if url and self._delivering is None:
            self._delivering = asyncio.create_task(self._deliver())

    def webhook_info(self) -> dict[str, Any]:
        info = {"url": self.webhook.get("url", ""), "has_custom_certificate": False, "pending_update_count": len(self.pending)}
        return {**info, "last_error_message": self.webhook["error"]} if self.webhook.get("error") else info

    async def _deliver(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as client:
            while not self._closed:
                if not self.webhook or not (self.pending or self._again):
                    await self._arrived.wait()
                    continue
                for update in self._hand_out(1):
                    await self._post(client, update)

    async def _post(self, client: aiohttp.ClientSession, update: Update) -> None:
        """One try; an update that was not taken stays at the head of the queue."""
        headers = {"X-Telegram-Bot-Api-Secret-Token": self.webhook["secret"]} if self.webhook["secret"] else {}
        try:
            async with client.post(self.webhook["url"], json=update, headers=headers) as answer:
                if answer.status < 300:
                    self.pending = [one for one in self.pending if one["update_id"] != update["update_id"]]
                    self._ring()
                    await self._obey(await answer.read())
                    return
                self.webhook["error"] = f"Wrong response from the webhook: {answer.status} {answer.reason}"
        except (aiohttp.ClientError, TimeoutError):
            self.webhook["error"] = "Connection refused"
        await asyncio.sleep(0.1)

    async def _obey(self, body: bytes) -> None:
        """A webhook's answer may hold one call of the bot, whose result nobody hears."""
        with contextlib.suppress(ValueError, AttributeError):
            given = json.loads(body)
            if (method := given.pop("method", "")) and self.on_call is not None:
                await self.on_call(method, given)

    async def close(self) -> None:
        """Let every poll that is waiting return, and stop delivering."""
        self._closed = True
        self._ring()
        if self._delivering:
            self._delivering.cancel()
            await asyncio.gather(self._delivering, return_exceptions=True)
