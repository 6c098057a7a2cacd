"""Axe: what axe-core finds on a page that people who use a keyboard, a screen reader or large letters would stumble over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Page

WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
_SOURCE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
# Only what is wrong is described in full: describing all the rest takes three times as long as finding out.
_RUN = "options => axe.run({...options, resultTypes: ['violations']})"


async def look(page: Page, *tags: str, **options: Any) -> tuple[list[tuple[str, list[str]]], int]:
    """The rules that are broken, each with the elements that break it, and how many rules are kept.

    ``tags`` name the rules by standard, ``options`` are axe's own.
    """
    # Our policy lets no foreign script in, so axe is evaluated instead of added to the page.
    if await page.evaluate("typeof axe") == "undefined":
        await page.evaluate(_SOURCE)
    wanted = {"runOnly": {"type": "tag", "values": tags}} if tags else {}
    found = await page.evaluate(_RUN, {**wanted, **options})
    broken = [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]]
    return broken, len(found["passes"])
