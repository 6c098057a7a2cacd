"""The pages in a real browser: with and without scripts, by keyboard alone, on a phone, and checked by axe-core."""

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.async_api import Browser, BrowserContext, Error, Page, expect

from intouch.outbox.models import Delivery
from intouch.residents.models import Resident, ResidentStatus
from intouch.runtime import Runtime
from intouch.surveys.models import Answer, Option, Question, Survey
from tests import axe
from tests.chromium import visited
from tests.web.test_answering import Ids, _link, survey
from tests.web.test_results import counted, published

__all__ = ["counted", "published", "survey"]

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
# Look at the pages as they are: INTOUCH_TEST_SCREENSHOTS=screenshots pytest tests/web/test_in_chromium.py
SCREENSHOTS = os.environ.get("INTOUCH_TEST_SCREENSHOTS")

pytestmark = pytest.mark.browser


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest) -> str:
    """One kind of database is enough here: the other tests of this room use both."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with visited(chromium) as opened:
        yield opened


@pytest.fixture(params=[True, False], ids=["scripts", "no-scripts"])
async def context(request: pytest.FixtureRequest, browser: Browser) -> AsyncIterator[BrowserContext]:
    opened = await browser.new_context(java_script_enabled=request.param, viewport=PHONE)
    opened.set_default_timeout(15_000)
    yield opened
    await opened.close()


async def _url(site: Runtime, path: str) -> str:
    return site.links.public_url + path


async def _look(page: Page, name: str, *, scripts: bool = True) -> None:
    """Nothing wider than the screen, no violation that axe-core knows; a picture where one is wanted."""
    if not scripts and not SCREENSHOTS:
        return  # neither can be asked of a page that runs no scripts
    for size in (DESK, PHONE):
        await page.set_viewport_size(size)
        if scripts:
            assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} scrolls sideways"
        if SCREENSHOTS:
            await page.screenshot(path=Path(SCREENSHOTS) / f"{name}-{size['width']}.png", full_page=True)
    if scripts:
        broken, kept = await axe.look(page, *axe.WCAG, "best-practice")
        assert broken == [], name
        assert kept > 10


async def _letter_url(site: Runtime) -> str:
    async with site.sessions.read() as session:
        payload = await session.scalar(sa.select(Delivery.payload).order_by(Delivery.id.desc()))
    return str((payload or {})["values"]["url"])


async def _answers(site: Runtime) -> int:
    async with site.sessions.read() as session:
        return await session.scalar(sa.select(sa.func.count()).select_from(Answer)) or 0


@pytest.mark.usefixtures("wards")
async def test_from_the_start_page_to_being_signed_up(site: Runtime, context: BrowserContext, request: pytest.FixtureRequest) -> None:
    scripts = "no-scripts" not in request.node.name
    page = await context.new_page()
    await page.goto(await _url(site, "/"))
    await _look(page, "home", scripts=scripts)
    await page.get_by_role("button", name="Sign up by email").click()
    await _look(page, "join", scripts=scripts)
    await page.get_by_role("button", name="Sign up").click()
    await expect(page).to_have_title(re.compile("^Error: Sign up by email"))
    if scripts:
        assert await page.evaluate("document.activeElement.className") == "govuk-error-summary"
        await page.get_by_role("link", name="Enter your postcode").click()
        assert await page.evaluate("document.activeElement.id") == "postcode"
    await _look(page, "join-errors", scripts=scripts)
    await page.get_by_label("Email address").fill("grace@example.org")
    await page.get_by_label("Postcode").fill("sr60aa")
    await page.get_by_label("Yes, I agree").check()
    await page.get_by_role("button", name="Sign up").click()
    await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
    await _look(page, "check-your-email", scripts=scripts)
    await page.goto(await _letter_url(site))
    await _look(page, "confirm", scripts=scripts)
    await page.get_by_role("button", name="Yes, it is mine").click()
    await expect(page.get_by_role("heading", name="You are signed up")).to_be_visible()
    await _look(page, "confirmed", scripts=scripts)
    async with site.sessions.read() as session:
        assert await session.scalar(sa.select(Resident.status)) is ResidentStatus.ACTIVE


async def test_a_tap_in_the_email_then_all_questions_to_the_thanks(
    site: Runtime,
    context: BrowserContext,
    survey: Ids,
    request: pytest.FixtureRequest,
) -> None:
    scripts = "no-scripts" not in request.node.name
    page = await context.new_page()
    await page.goto(await _url(site, _link(site, survey)))
    if not scripts:
        assert await _answers(site) == 0
        await expect(page.get_by_label("Yes")).to_be_checked()
        await _look(page, "tapped", scripts=False)
        await page.get_by_role("button", name="Save my answer").click()
    await expect(page.get_by_text("Thank you, your answer is saved")).to_be_visible()
    assert await _answers(site) == 1
    await _look(page, "several-choices", scripts=scripts)
    await page.get_by_role("button", name="Save my answer").click()
    await expect(page.get_by_role("alert")).to_contain_text("Choose at least one answer")
    await _look(page, "several-choices-errors", scripts=scripts)
    await page.get_by_label("No & never").check()
    await page.get_by_label("Perhaps").check()
    await page.get_by_role("button", name="Save my answer").click()
    await expect(page.get_by_text("Question 3 of 4")).to_be_visible()
    await _look(page, "scale", scripts=scripts)
    await page.get_by_role("button", name="Don’t know").click()
    await expect(page.get_by_text("Question 4 of 4")).to_be_visible()
    await _look(page, "words", scripts=scripts)
    await page.get_by_label("Which text?").fill("Less noise 🌳\nplease")
    await page.get_by_role("button", name="Save my answer").click()
    await expect(page.get_by_text("Your answers are saved")).to_be_visible()
    await _look(page, "thanks", scripts=scripts)
    assert await _answers(site) == 5
    await page.get_by_role("link", name="Change your answer to: Which single?").click()
    await page.get_by_label("Perhaps").check()
    await page.get_by_role("button", name="Save my answer").click()
    await expect(page.get_by_role("term").first).to_have_text("Which single?")
    await expect(page.get_by_role("definition").first).to_have_text("Perhaps")


async def _back_to(page: Page, url: str) -> None:
    while page.url != url:
        try:
            await page.go_back(wait_until="commit")
        except Error as error:
            # Where to is asked of a page that Chromium is just taking out of its history: a moment later there is one again.
            if "Not attached to an active page" not in error.message:
                raise
            await page.wait_for_timeout(50)


async def test_back_does_not_bring_an_old_tap_to_life_again(site: Runtime, browser: Browser, survey: Ids) -> None:
    page = await browser.new_page()
    tapped = await _url(site, _link(site, survey))
    # The tap's own post comes to nothing (204: the browser stays), so that its page stays in the history.
    await page.route(tapped, lambda route: route.fulfill(status=204) if route.request.method == "POST" else route.continue_())
    async with page.expect_response(lambda response: response.status == 204):
        await page.goto(tapped, wait_until="commit")
    await page.unroute(tapped)
    await page.goto(await _url(site, _link(site, survey, "single", 0)))
    await page.get_by_label("No & never").check()
    await page.get_by_role("button", name="Save my answer").click()
    await expect(page.get_by_text("Thank you, your answer is saved")).to_be_visible()
    await _back_to(page, tapped)
    await page.wait_for_load_state()
    await page.wait_for_timeout(1_000)
    assert page.url == tapped
    async with site.sessions.read() as session:
        assert await session.scalar(sa.select(Answer.choice)) == survey["single:1"]


async def test_preferences_unsubscribe_and_erase(
    site: Runtime, context: BrowserContext, grace: int, request: pytest.FixtureRequest
) -> None:
    scripts = "no-scripts" not in request.node.name
    page = await context.new_page()
    await page.goto(await _url(site, f"/unsubscribe/{site.links.token('unsubscribe', grace, 'digest')}"))
    await _look(page, "unsubscribe", scripts=scripts)
    await page.get_by_role("button", name="Unsubscribe").click()
    await _look(page, "unsubscribed", scripts=scripts)
    await page.get_by_role("link", name="Choose what we send you").click()
    await expect(page.get_by_label("The weekly digest")).not_to_be_checked()
    await _look(page, "preferences", scripts=scripts)
    await page.get_by_label("The weekly digest").check()
    await page.get_by_role("button", name="Save what comes by email").click()
    await expect(page.get_by_text("We have changed what comes by email")).to_be_visible()
    await expect(page.get_by_label("The weekly digest")).to_be_checked()
    await page.get_by_label("Postcode").fill("SR5 1AA")
    await page.get_by_role("button", name="Save my ward").click()
    await expect(page.get_by_text("Your ward is now Fulwell")).to_be_visible()
    await _look(page, "preferences-changed", scripts=scripts)
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download everything").click()
    assert (await download.value).suggested_filename == "in-touch-my-data.json"
    await page.get_by_role("button", name="Erase everything").click()
    await _look(page, "erase", scripts=scripts)
    await page.get_by_role("button", name="Yes, erase everything").click()
    await expect(page.get_by_role("heading", name="Everything is erased")).to_be_visible()
    await _look(page, "erased", scripts=scripts)


async def test_pages_to_read_have_no_barriers(site: Runtime, browser: Browser) -> None:
    page = await browser.new_page(viewport=PHONE)
    for name, path in [("privacy", "/privacy"), ("results-none", "/results"), ("not-found", "/nowhere"), ("forged", "/answer/forged")]:
        await page.goto(await _url(site, path))
        await _look(page, name)


async def test_results_have_no_barriers(site: Runtime, browser: Browser, published: Ids) -> None:
    page = await browser.new_page()
    await page.goto(await _url(site, "/results"))
    await _look(page, "results")
    await page.get_by_role("link", name="Bins").click()
    await _look(page, "result-city")
    await page.get_by_label("Show the results of").select_option("Ryhope")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_text("Too few people answered here")).to_be_visible()
    await _look(page, "result-hidden")
    await page.goto(await _url(site, f"/results/{published['survey']}?place=ward-{published['Roker']}"))
    await _look(page, "result-ward")
    fits = "[...document.querySelectorAll('.intouch-scroll')].every(one => one.scrollWidth <= one.clientWidth)"
    assert await page.evaluate(fits), "the likely range is out of sight on a phone"


@pytest.mark.usefixtures("wards")
async def test_signing_up_by_keyboard_alone(site: Runtime, browser: Browser) -> None:
    page = await browser.new_page()
    await page.goto(await _url(site, "/join"))

    async def tab_to(selector: str) -> None:
        for _ in range(20):
            await page.keyboard.press("Tab")
            if await page.evaluate("selector => document.activeElement.matches(selector)", selector):
                outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                shadow = await page.evaluate("getComputedStyle(document.activeElement).boxShadow")
                assert outline != "none" or shadow != "none" or "checkbox" in selector, f"no focus to be seen on {selector}"
                return
        raise AssertionError(f"the keyboard does not reach {selector}")

    await tab_to(".govuk-skip-link")
    await page.keyboard.press("Enter")
    await tab_to("#email")
    await page.keyboard.type("grace@example.org")
    await tab_to("#postcode")
    await page.keyboard.type("SR6 0AA")
    await tab_to("summary")
    await tab_to("#board[type=checkbox]")
    await page.keyboard.press("Space")
    await tab_to("#consent[type=checkbox]")
    await page.keyboard.press("Space")
    await tab_to("button")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
    async with site.sessions.read() as session:
        assert await session.scalar(sa.select(Resident.wants_board)) is True


ARABIC = "أعمال الطرق في شارع الكنيسة."
# For each piece of Arabic whether its full stop, which is its end, stands on the left of its beginning.
ENDS_ON_THE_LEFT = """() => {
  const found = [], walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT)
  const left = (node, at) => {
    const range = document.createRange()
    range.setStart(node, at)
    range.setEnd(node, at + 1)
    return range.getBoundingClientRect().left
  }
  while (walker.nextNode()) {
    const node = walker.currentNode, first = node.data.search(/[\\u0600-\\u06ff]/), last = node.data.lastIndexOf(".")
    if (first >= 0 && node.parentElement.checkVisibility()) found.push(left(node, last) < left(node, first))
  }
  return found
}"""


async def test_what_was_written_from_right_to_left_is_read_so(browser: Browser, site: Runtime, survey: Ids) -> None:
    async with site.sessions.write() as session:
        await session.execute(sa.update(Survey).values(title=ARABIC, why=ARABIC))
        await session.execute(sa.update(Question).values(text=ARABIC))
        await session.execute(sa.update(Option).values(text=ARABIC))
    page = await browser.new_page(viewport=DESK)
    found = []
    for question in ("single", "multiple", "text"):
        await page.goto(await _url(site, _link(site, survey, question, 0)))
        found += await page.evaluate(ENDS_ON_THE_LEFT)
    assert len(found) >= 10 and all(found), found
