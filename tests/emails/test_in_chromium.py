"""In Chromium: every letter on a phone and on a desk, by day and by night; nothing wider than the screen, nothing that axe finds."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Page

from intouch.demo.mailbox import Mail
from tests import axe
from tests.chromium import visited
from tests.digest.test_directions import directions

# A letter is one article in somebody else's page; landmarks are that page's.
NOT_OURS = {"region": {"enabled": False}, "landmark-one-main": {"enabled": False}}
KINDS = {"digest", "briefing", "survey_invitation", "survey_outcome", "confirm_email", "already_joined", "ask_ward", "issue_update"}
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
    # By night only the colours are other than by day.
    wanted = (
        {"type": "tag", "values": [*axe.WCAG, "best-practice"]} if scheme == "light" else {"type": "rule", "values": ["color-contrast"]}
    )
    broken, kept = await axe.look(page, runOnly=wanted, rules=NOT_OURS)
    assert broken == [], f"{name} ({scheme})"
    assert kept > (10 if scheme == "light" else 0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_letter_has_barriers(scheme: Literal["light", "dark"], mails: dict[str, Mail], page: Page) -> None:
    await page.emulate_media(color_scheme=scheme)
    # The colours of the night are those of the layout: one letter of each kind shows them.
    shown = {name: mail for name, mail in mails.items() if scheme == "light" or name.endswith(ORDINARY)}
    assert {name.rpartition("-")[0] for name in shown} == KINDS
    for name, mail in shown.items():
        await _look(page, name, mail, scheme)


async def test_what_was_written_from_right_to_left_is_read_so(chromium: str, mails: dict[str, Mail]) -> None:
    found = {name: await directions(chromium, mail.html) for name, mail in mails.items() if name.endswith("-arabic")}
    assert {name: len(read["true"]) for name, read in found.items()} == {
        "issue_update-arabic": 1,
        "survey_invitation-arabic": 3,
        "survey_outcome-arabic": 3,
    }
    for name, read in found.items():
        assert (set(read["true"]), set(read["false"])) == ({"rtl"}, {"ltr"}), name
