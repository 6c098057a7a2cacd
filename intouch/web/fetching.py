"""Fetching: the few small files that a webhook needs from its provider."""

from __future__ import annotations

import aiohttp

_MOST_BYTES = 64 * 1024
_PATIENCE = aiohttp.ClientTimeout(total=10)


class CannotFetch(OSError):
    """The provider did not answer, or not with what was asked for."""


async def fetch(url: str) -> bytes:
    """What is at an address that the caller has checked; follows no redirect, which could lead anywhere."""
    try:
        async with aiohttp.ClientSession(timeout=_PATIENCE) as session, session.get(url, allow_redirects=False) as answer:
            if answer.status != 200:
                raise CannotFetch(f"the provider answered {answer.status}")
            return await _whole(answer.content)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise CannotFetch(f"the provider could not be asked ({type(error).__name__})") from None


async def _whole(content: aiohttp.StreamReader) -> bytes:
    """All that comes, and not only what has come by now: a certificate takes two packets."""
    found = b""
    while len(found) < _MOST_BYTES and (more := await content.read(_MOST_BYTES - len(found))):
        found += more
    return found
