"""Allocator: has the C library give memory back that is not used, where it keeps it by default."""

from __future__ import annotations

import contextlib
import ctypes

# mallopt(3) of the GNU C library; other libraries have no such call, and need none.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
KEPT = 128 * 1024  # bytes that may stay free at the top of the heap
LARGE = 256 * 1024  # bytes from which on a piece is asked of the system for itself, and given back whole


def be_frugal() -> None:
    """Call it first, before there are threads: each would get an arena of its own, and none is ever given back.

    By default the bound for large pieces grows up to 32 MB with what is freed, so that the photos of one day stay for ever.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_ARENA_MAX, 1)
        library.mallopt(_M_MMAP_THRESHOLD, LARGE)
        library.mallopt(_M_TRIM_THRESHOLD, KEPT)
