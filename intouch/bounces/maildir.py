"""Maildir: takes reports from a folder into which the council's mail server delivers them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from intouch import logs
from intouch.bounces.intake import Intake
from intouch.bounces.reading import MOST_BYTES

log = logs.get("bounces")

EVERY = 5.0
AT_A_TIME = 500


class Maildir:
    """Looks into ``new/`` every few seconds. What was heeded is deleted, for it names people; the rest goes to ``cur/``,
    where somebody may look at it. Two processes may look into one folder: the same report twice counts once."""

    def __init__(self, intake: Intake, folder: Path, *, every: float = EVERY, at_a_time: int = AT_A_TIME) -> None:
        self._intake = intake
        self._folder = folder
        self._every = every
        self._at_a_time = at_a_time
        self._stuck: set[str] = set()

    async def run(self) -> None:
        """Look again and again, until cancelled; a folder that is not there yet is waited for."""
        while True:
            try:
                await self.look()
            except Exception as error:
                # The database is away, or the folder: every file is still where it was.
                log.warning("bounces.folder_not_read", error=type(error).__name__)
            await asyncio.sleep(self._every)

    async def look(self) -> int:
        """Take what is there; how many files."""
        names = await asyncio.to_thread(self._names)
        for name in names:
            await self._take(name)
        return len(names)

    def _names(self) -> list[Path]:
        new = self._folder / "new"
        found = new.iterdir() if new.is_dir() else ()
        return sorted(path for path in found if not path.name.startswith(".") and path.name not in self._stuck)[: self._at_a_time]

    async def _take(self, path: Path) -> None:
        try:
            message = await asyncio.to_thread(_read, path)
        except FileNotFoundError:
            return  # another process was here first
        except OSError as error:
            log.warning("bounces.file_not_read", error=type(error).__name__)
            return
        heard = await self._intake.take(message) if message is not None else None
        try:
            self._put_away(path, is_done_with=heard is not None)
        except FileNotFoundError:
            pass  # another process was here meanwhile
        except OSError as error:
            # Not read again: enough of those would keep us from what came after them.
            self._stuck.add(path.name)
            log.warning("bounces.file_not_put_away", error=type(error).__name__)

    def _put_away(self, path: Path, *, is_done_with: bool) -> None:
        if is_done_with:
            path.unlink()
            return
        (self._folder / "cur").mkdir(exist_ok=True)
        path.rename(self._folder / "cur" / f"{path.name.partition(':2,')[0]}:2,S")


def _read(path: Path) -> bytes | None:
    """What is in the file; None when it is more than any report has."""
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    return content if len(content) <= MOST_BYTES else None
