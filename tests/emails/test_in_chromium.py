"""In Chromium: every letter on a phone and on a desk, by day and by night; nothing wider than the screen, nothing that axe finds."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Page

from intouch.demo.mailbox import Mail
from tests.chromium import visited

AXE = Path(__file__).parents[1] / "web" / "vendor" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# A letter is one article in somebody else's page; landmarks are that page's.
NOT_OURS = {"region": {"enabled": False}, "landmark-one-main": {"enabled": False}}
KINDS = ("digest", "briefing", "survey_invitation", "survey_outcome", "confirm_email", "already_joined", "ask_ward", "issue_update")
ORDINARY = ("-ordinary", "-single", "-consent", "-plain", "-fixed")
# Look at them as they are: INTOUCH_TEST_SCREENSHOTS=screenshots pytest tests/emails/test_in_chromium.py
SCREENSHOTS = os.environ.get("INTOUCH_TEST_SCREENSHOTS")

pytestmark = pytest.mark.browser


@pytest.fixture
async def page(chromium: str) -> AsyncIterator[Page]:
    async with visited(chromium) as browser:
        opened = await browser.new_page(viewport={"width": 390, "height": 844})
        await opened.route("**/*", lambda route: route.abort())
        yield opened


async def _look(page: Page, name: str, mail: Mail, scheme: Literal["light", "dark"]) -> None:
    await page.set_content(mail.html)
    for width in (320, 390, 1024) if SCREENSHOTS or scheme == "light" else (390,):
        await page.set_viewport_size({"width": width, "height": 844})
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{name} is {wide} wide on a screen of {width}"
        if SCREENSHOTS and width != 320:
            await page.screenshot(path=Path(SCREENSHOTS) / f"{name}-{width}-{scheme}.png", full_page=True)
    await page.evaluate(AXE.read_text())
    # By night only the colours are other than by day.
    wanted = {"type": "tag", "values": RULES} if scheme == "light" else {"type": "rule", "values": ["color-contrast"]}
    found = await page.evaluate("([runOnly, rules]) => axe.run({runOnly, rules})", [wanted, NOT_OURS])
    broken = [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in found["violations"]]
    assert broken == [], f"{name} ({scheme})"
    assert len(found["passes"]) > (10 if scheme == "light" else 0)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_letter_has_no_barriers_by_day_and_by_night(kind: str, mails: dict[str, Mail], page: Page) -> None:
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        await page.emulate_media(color_scheme=scheme)
        for name, mail in mails.items():
            # The colours of the night are those of the layout: one letter of each kind shows them.
            if name.startswith(f"{kind}-") and (scheme == "light" or name.endswith(ORDINARY)):
                await _look(page, name, mail, scheme)
