"""Faults: what goes wrong on request, and Telegram's limits where they are wanted."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass

from intouch.demo.telegram.refusals import Refused, too_many


class AnswerLost(Exception):
    """The call took effect, but the line breaks before its answer arrives."""


class Hangs(Exception):
    """The call takes effect, and its answer comes only after ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class Odd(Exception):
    """The call never gets here: something on the way, such as a proxy, answers with ``body`` as if all were well."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.body = body


@dataclass
class Fault:
    """One thing that goes wrong ``times`` times, for one method (or any) and one chat (or any)."""

    error: Exception
    method: str = ""
    chat_id: str = ""
    times: int = 1

    def concerns(self, method: str, chat_id: str) -> bool:
        return self.times > 0 and self.method in ("", method) and self.chat_id in ("", chat_id)


class Faults:
    """What is to go wrong with the next calls."""

    def __init__(self) -> None:
        self.planned: list[Fault] = []
        self.latency = 0.0
        self._down_until = 0.0

    def go_down(self, seconds: float) -> None:
        """Answer everything with 502 for so long; 0 ends it."""
        self._down_until = time.monotonic() + seconds

    @property
    def is_down(self) -> bool:
        return time.monotonic() < self._down_until

    async def wait(self) -> None:
        if self.latency:
            await asyncio.sleep(self.latency)

    def strike(self, method: str, chat_id: str, *, after_the_call: bool) -> None:
        """Raise the first fault planned for this call; lost answers strike after it took effect, others before."""
        for fault in self.planned:
            if fault.concerns(method, chat_id) and isinstance(fault.error, (Refused, Odd)) is not after_the_call:
                fault.times -= 1
                raise fault.error


class Limits:
    """Telegram's limits on messages: 30 a second in all, and one a second to one chat after a short burst."""

    def __init__(self, *, per_second: int = 30, per_chat_burst: int = 1) -> None:
        self.per_second = per_second
        self.per_chat_burst = per_chat_burst
        self.refused = 0
        self._all: deque[float] = deque()
        self._chats: dict[str, deque[float]] = {}

    def count(self, chat_id: str) -> None:
        """Count one message; raises 429 when it is one too many within the last second."""
        now = time.monotonic()
        chat = self._chats.setdefault(chat_id, deque())
        for window, most in ((self._all, self.per_second), (chat, self.per_chat_burst)):
            while window and window[0] <= now - 1:
                window.popleft()
            if len(window) >= most:
                self.refused += 1
                raise too_many(1)
        self._all.append(now)
        chat.append(now)
