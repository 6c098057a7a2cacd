"""What several stories begin with: somebody signs up, by chat or by email."""

from __future__ import annotations

import io
import re

from PIL import Image

from intouch.demo.mailbox import Mail
from intouch.demo.telegram.person import Person
from tests.journeys.conftest import House

LINK = re.compile(r"https?://[^\s\"'<>)]+")


async def signs_up(person: Person, *, postcode: str = "SR5 2AA") -> None:
    """From /start to the end, without email or sounding board."""
    await person.sends("/start")
    await person.expects("Who sees it")
    await person.taps("Yes, I agree")
    await person.expects("Where do you live?")
    await person.sends(postcode)
    await person.expects("an email once a week")
    await person.taps("No, thank you")
    await person.expects("sounding board")
    await person.taps("No, thank you")
    await person.expects("You are signed up")


async def joins_by_email(house: House, address: str, *, postcode: str = "SR6 0AA", board: bool = False) -> None:
    """The form on the home page, and the button behind the link in the letter."""
    form = {"email": address, "postcode": postcode, "consent": "yes"} | ({"board": "yes"} if board else {})
    answer = await house.browser.post("/join", data=form, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    letter = await house.mailbox.wait_for(to=address)
    link = link_to("/confirm/", letter)
    assert (await house.browser.get(link)).status_code == 200
    confirmed = await house.browser.post(link, follow_redirects=True)
    assert confirmed.status_code == 200, confirmed.text


def link_to(path: str, mail: Mail) -> str:
    """The first link in the letter's text whose path begins with ``path``."""
    return next(link for link in LINK.findall(mail.text) if path in link)


def links_to(path: str, mail: Mail) -> list[str]:
    """Every link in the letter's text whose path begins with ``path``, in order."""
    return [link for link in LINK.findall(mail.text) if path in link]


def photo(width: int = 320, height: int = 240, kind: str = "JPEG") -> bytes:
    """A picture, small unless told."""
    made = io.BytesIO()
    Image.new("RGB", (width, height), "olive").save(made, kind)
    return made.getvalue()
