"""Bell: rung when something was queued, so that whoever sends in this process need not wait until it looks again."""

from __future__ import annotations

from collections.abc import Callable


class Bell:
    """Heard by whoever listens; nobody has to."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], object]] = []

    def listen(self, heard: Callable[[], object]) -> None:
        self._listeners.append(heard)

    def ring(self) -> None:
        """Once what was queued is committed."""
        for heard in self._listeners:
            heard()
