"""Columns: what stands over and beside them in the briefing can be read on a phone."""

from __future__ import annotations

import pytest

from intouch.digest.rendering import BriefingPress
from intouch.letters import Letters
from intouch.templating import Templates
from tests.chromium import visited
from tests.digest import cases

# The widths of small phones, and those of "Washington" in their bold letters, for each pixel of the letters' size.
ANDROID = (360, 5.4)  # Roboto
IPHONE = (375, 5.75)  # San Francisco
LONG = "Yes, but only when the buses run until midnight on all days and the lamps in the park have been mended"
LABELS = """() => [...document.querySelectorAll("th:not([scope=col])")].map(one => one.offsetHeight)"""
ROOM = """() => [...document.querySelectorAll("th[scope=col]")].filter(one => one.querySelector("span")).map(one => {
  const style = getComputedStyle(one)
  return (one.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)) / parseFloat(style.fontSize)
})"""


@pytest.mark.browser
@pytest.mark.parametrize(("phone", "word"), [ANDROID, IPHONE])
async def test_the_name_of_a_real_ward_fits_over_its_column(chromium: str, templates: Templates, phone: int, word: float) -> None:
    letter = BriefingPress(Letters(templates), templates).letter(cases.BRIEFING, name="Carl")
    async with visited(chromium) as browser:
        page = await browser.new_page(viewport={"width": phone, "height": 800})
        await page.set_content(letter.html)
        room = await page.evaluate(ROOM)
    assert len(room) == 2  # the ward's and the area's: over the whole city stands no number
    assert min(room) >= word, room


@pytest.mark.browser
async def test_an_answer_as_long_as_one_may_be_takes_a_few_lines(chromium: str, templates: Templates) -> None:
    question = cases.COMPARED["questions"][0]
    rows = [{**row, "label": LONG[:100]} for row in question["rows"]]
    contents = cases.briefing(surveys=[{**cases.COMPARED, "questions": [{**question, "rows": rows}]}])
    letter = BriefingPress(Letters(templates), templates).letter(contents, name="Carl")
    async with visited(chromium) as browser:
        page = await browser.new_page(viewport={"width": 320, "height": 800})
        await page.set_content(letter.html)
        heights = await page.evaluate(LABELS)
    assert len(heights) == 2
    assert max(heights) <= 4 * 21 + 6, heights  # four lines; in a quarter of the width it took sixteen
