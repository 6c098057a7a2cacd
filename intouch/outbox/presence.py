"""Presence: a process's name, and whether the process behind another's name has ended, as far as this machine can tell."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import socket
from pathlib import Path
from typing import BinaryIO

KEPT = 20  # files of the dead: as many processes may be started again at once and ask about each other


class Presence:
    """A locked file in the data folder for as long as this process lives: the kernel lets go of it however the process ends.

    Whoever shares the folder sees from it that a holder of leases has died, and need not wait for these to run out.
    Where the folder can't be written or its file system knows no locks, nobody is ever said to have ended.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "running"
        self._token = secrets.token_hex(6)
        self._host = socket.gethostname()
        self.name = f"{self._host}:{os.getpid()}:{self._token}"
        self._file: BinaryIO | None = None

    def begin(self) -> None:
        """Be there, from before the first lease is taken."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = self._path(self._token).open("xb")
            fcntl.flock(self._file, fcntl.LOCK_EX)
            self._tidy()

    def end(self) -> None:
        """Leave; the leases were given up before."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._path(self._token).unlink(missing_ok=True)

    def has_ended(self, name: str) -> bool:
        """Whether the process of that name was here and is no more; False where this machine can't tell."""
        host, _, rest = name.partition(":")
        # Another machine that mounts the folder may keep its locks to itself.
        return host == self._host and _is_free(self._path(rest.rpartition(":")[2]))

    def _tidy(self) -> None:
        """Remove what the dead left long ago."""
        others = set(self._folder.glob("*.lock")) - {self._path(self._token)}
        for path in sorted(others, key=lambda one: one.stat().st_mtime)[:-KEPT]:
            if _is_free(path):
                path.unlink(missing_ok=True)

    def _path(self, token: str) -> Path:
        return self._folder / f"{Path(token).name}.lock"


def _is_free(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            # Shared, so that two who ask at once do not take each other for the owner.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # locked, or not there, or a file system without locks
        return False
    return True
