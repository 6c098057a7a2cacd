"""Signing key: the secret in the data folder that signs links and return paths; made once, whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from intouch.errors import InTouchError

SHORTEST = 32  # characters; whoever can guess the key can forge everybody's links


def read_or_make(folder: Path) -> bytes:
    """The key of this data folder, made now when there is none; ``InTouchError`` when what is there is no key."""
    path = folder / "secret_key"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        _make(path)
    key = path.read_bytes().strip()
    if len(key) < SHORTEST:
        raise InTouchError(
            f"{path} is damaged: it holds no whole key. Put it back from your last backup, or delete it: then a new key is made, "
            "and the links in emails that are sent already stop working."
        )
    return key


def _keep(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP):
            raise
        draft.rename(path)  # a file system that knows no links


def _make(path: Path) -> None:
    # Written elsewhere first: a full disk or a kill must not leave half a key, and of two processes one wins.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with open(draft, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(secrets.token_hex(32).encode())
            file.flush()
            os.fsync(file.fileno())
        _keep(draft, path)
    finally:
        draft.unlink(missing_ok=True)
