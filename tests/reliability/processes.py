"""Processes: parts of In Touch in a process group of their own, which a test can kill; started from a warm interpreter."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import uvloop

from intouch import app, logs, settings
from intouch.outbox.habits import Habits

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Haste:
    """How long a dead process's work waits, in seconds: as in production, or less where a test can't wait for that."""

    lease: float = 2.0
    sweep_every: float = 0.2


@dataclass
class Group:
    """``number`` processes that run ``parts`` of one In Touch; its settings are those of ``overrides``."""

    overrides: Mapping[str, Any]
    parts: tuple[str, ...]
    log: Path
    number: int = 1
    haste: Haste | None = Haste()
    _leader: BaseProcess | None = None

    def start(self) -> None:
        self._leader = _CONTEXT.Process(target=_lead, args=(self.number, self.parts, dict(self.overrides), self.haste, self.log))
        self._leader.start()

    @property
    def is_alive(self) -> bool:
        return self._leader is not None and self._leader.is_alive()

    async def kill(self) -> None:
        """All of them at once with SIGKILL, as when the machine loses its power."""
        leader = self._leader
        assert leader is not None and leader.pid is not None
        while leader.is_alive() and os.getpgid(leader.pid) != leader.pid:  # it is being born and in our own group still
            await asyncio.sleep(0.005)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader.pid, signal.SIGKILL)
        await asyncio.to_thread(leader.join)
        self._leader = None

    def last_words(self) -> str:
        return self.log.read_text()[-3000:] if self.log.exists() else ""


def _lead(number: int, parts: tuple[str, ...], overrides: dict[str, Any], haste: Haste | None, log: Path) -> None:
    os.setsid()
    for _ in range(number - 1):
        if os.fork() == 0:
            break
    words = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(words, 1)
    os.dup2(words, 2)
    logs.configure("warning", False)
    uvloop.run(_live(parts, overrides, haste))


async def _live(parts: tuple[str, ...], overrides: dict[str, Any], haste: Haste | None) -> None:
    habits = Habits(lease=timedelta(seconds=haste.lease), poll=0.1, sweep_every=haste.sweep_every) if haste else None
    running = app.Application(settings.load(**overrides), parts=parts, habits=habits)
    await running.start()
    await asyncio.Event().wait()
