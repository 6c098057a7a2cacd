"""Parts: which parts of In Touch a process may run, and how each is kept up while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from intouch import logs
from intouch.errors import InTouchError

log = logs.get("app")

PARTS = ("bot", "web", "schedule", "sender")
# A part that falls over is started again, this many seconds later.
BREATHER = 5.0
STOP_WITHIN = 9.0


def parse_parts(only: str) -> tuple[str, ...]:
    """The parts named in ``--only``; all of them when it is empty."""
    named = tuple(part.strip() for part in only.split(",") if part.strip())
    unknown = [part for part in named if part not in PARTS]
    if unknown:
        raise InTouchError(f"There is no part called {', '.join(unknown)}. The parts are {', '.join(PARTS)}.")
    return named or PARTS


class Upkeep:
    """The tasks of one process, by name."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        """Run ``part`` from now on."""
        self._tasks[name] = asyncio.create_task(self._keep_up(name, part), name=name)

    async def end(self, *names: str) -> None:
        """End the tasks of these names, where they run; without names, all of them."""
        tasks = [self._tasks[name] for name in names or self._tasks if name in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_up(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        """Run a part to its end; one that falls over is a bug, is logged, and starts again."""
        while True:
            try:
                await part()
                return
            except Exception:
                log.exception("app.part_fell_over", part=name)
                await asyncio.sleep(BREATHER)
