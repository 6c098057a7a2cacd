"""Virtual time: an event loop whose clock jumps to its next timer instead of waiting, so that waits are exact on any machine."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any


class _Jump(selectors.DefaultSelector):
    """Nobody outside is waited for: what a timer would wait passes at once."""

    now = 1000.0  # as on a machine that has run for a while

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nothing would ever happen any more"
        self.now += max(0.0, timeout)
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now


def in_virtual_time(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """The test runs in a loop of its own, which has a time of its own."""

    @wraps(test)
    def run() -> None:
        with asyncio.Runner(loop_factory=_Loop) as runner:
            runner.run(test())

    return run


def now() -> float:
    """The time of the loop that runs."""
    return asyncio.get_running_loop().time()
