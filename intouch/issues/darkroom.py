"""Darkroom: where photos are cleaned, one at a time; large ones in a process of its own, which takes its memory with it.

``python -m intouch.issues.darkroom`` is that process: a photo on its standard input, the clean one or a sentence on its output.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from intouch.issues import photos
from intouch.issues.photos import BadPhoto, CleanPhoto

# A decoder that goes astray in there takes nobody else down with it.
MOST_MEMORY = 1_500_000_000
MOST_SECONDS = 20
_REFUSED = 3
_NOT_NOW = "We couldn't open that photo. Please send it again, or send a smaller one."

_WORKER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="photo")


async def clean(raw: bytes) -> CleanPhoto:
    """``photos.prepare`` away from the loop; await it before a transaction, never inside one. Raises ``BadPhoto``."""
    return await asyncio.get_running_loop().run_in_executor(_WORKER, develop, raw)


def develop(raw: bytes) -> CleanPhoto:
    """The cleaned photo; what takes much memory to decode is decoded apart."""
    return photos.prepare(raw) if photos.is_light(raw) else _apart(raw)


def _apart(raw: bytes) -> CleanPhoto:
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter; what is not to be trusted is what it reads
            [sys.executable, "-m", __name__], input=raw, capture_output=True, timeout=MOST_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        raise BadPhoto(_NOT_NOW) from None
    if done.returncode == _REFUSED:
        raise BadPhoto(done.stdout.decode())
    if done.returncode:
        raise BadPhoto(_NOT_NOW)
    return photos.developed(done.stdout)


def main() -> int:
    """Clean what comes in."""
    with contextlib.suppress(ValueError, OSError):  # a system that allows even less, or knows no such bound
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    try:
        sys.stdout.buffer.write(photos.prepare(sys.stdin.buffer.read()).jpeg)
    except BadPhoto as error:
        sys.stdout.buffer.write(str(error).encode())
        return _REFUSED
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
