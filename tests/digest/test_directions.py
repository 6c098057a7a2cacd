"""Directions: what an officer wrote from right to left is read from right to left, in the middle of an English letter."""

from __future__ import annotations

import pytest

from intouch.digest.rendering import BriefingPress, DigestPress
from intouch.letters import Letters
from intouch.links import Links
from intouch.templating import Templates
from tests.chromium import visited
from tests.digest import cases

ARABIC = "أعمال الطرق في شارع الكنيسة."
LINKS = Links(b"a-key-for-tests", "https://intouch.example")
MIXED = cases.digest(
    asked=[
        {**cases.ASKED, "title": ARABIC, "why": ARABIC, "question": {"id": 2, "text": ARABIC}, "choices": [[3, ARABIC], [4, "No"]]},
        *[{**cases.ASKED, "id": number, "title": ARABIC, "choices": []} for number in range(2, 8)],
    ],
    said=[
        {
            **cases.SAID,
            "title": ARABIC,
            "questions": [
                {
                    "text": ARABIC,
                    "is_text": False,
                    "said": 31,
                    "rows": [{"label": ARABIC, "count": 21, "share": 0.7}, {"label": ARABIC, "count": None, "share": None}],
                }
            ],
        }
    ],
    reports={"made": 1, "fixed": 1, "examples": [{"reference": "SR-7K3M2", "category": "Litter", "note": ARABIC}]},
    notices=[{**cases.NOTICE, "title": ARABIC, "text": f"{ARABIC}\n{ARABIC}"}],
)
READ = """() => {
  const read = {true: [], false: []}, walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), around = walker.currentNode.parentElement
    const style = getComputedStyle(around)
    if (text && style.display !== 'none' && around.tagName !== 'STYLE') read[/[\\u0600-\\u06ff]/.test(text)].push(style.direction)
  }
  return read
}"""


async def directions(chromium: str, html: str) -> dict[str, list[str]]:
    """How the pieces of text with Arabic letters are read (``true``), and all others (``false``)."""
    async with visited(chromium) as browser:
        page = await browser.new_page()
        await page.set_content(html)
        found: dict[str, list[str]] = await page.evaluate(READ)
    return found


@pytest.mark.browser
async def test_each_word_of_a_digest_is_read_in_its_own_direction(chromium: str, templates: Templates) -> None:
    press = DigestPress(Letters(templates), LINKS)
    read = await directions(chromium, press.letter(press.stencil(MIXED), resident_id=12, name="Grace").html)
    assert set(read["false"]) == {"ltr"}
    assert len(read["true"]) == 18
    assert set(read["true"]) == {"rtl"}


@pytest.mark.browser
async def test_and_each_word_of_a_briefing(chromium: str, templates: Templates) -> None:
    question = cases.COMPARED["questions"][0]
    rows = [{**row, "label": ARABIC} for row in question["rows"]]
    surveys = [{**cases.COMPARED, "title": ARABIC, "questions": [{**question, "text": ARABIC, "rows": rows}]}]
    letter = BriefingPress(Letters(templates), templates).letter(cases.briefing(surveys=surveys), name="Carl")
    read = await directions(chromium, letter.html)
    assert set(read["false"]) == {"ltr"}
    assert read["true"] == ["rtl"] * 4
