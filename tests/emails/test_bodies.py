"""Bodies: small enough, whole without pictures, and the same in plain text as in HTML."""

from __future__ import annotations

import re

from intouch.demo.mailbox import Mail
from tests.digest import cases
from tests.emails import post
from tests.emails.reading import Page

CLIPPED_AT = 100_000  # Gmail cuts the HTML off a little after this
ELSEWHERE = (cases.NOTICE["url"], "https://x.example/")  # what councils' notices link to
NUMBER = re.compile(r"\d[\d,]*%?")


def test_no_letter_is_so_long_that_gmail_cuts_it_off(mails: dict[str, Mail]) -> None:
    long = {name: size for name, mail in mails.items() if (size := len(mail.html.encode())) >= CLIPPED_AT}
    assert long == {}


def test_no_letter_needs_a_picture_or_anything_else_from_elsewhere(mails: dict[str, Mail]) -> None:
    for name, mail in mails.items():
        page = Page(mail.html)
        assert not {"img", "link", "script", "iframe", "form", "object", "video", "svg"} & page.elements, name
        assert not {attribute for _, attribute in page.attributes} & {"src", "background", "srcset"}, name
        assert not any("url(" in style or "@import" in style for style in (*page.styles, *page.sheets)), name


def test_all_links_are_whole_and_lead_to_our_site_or_where_a_notice_says(mails: dict[str, Mail]) -> None:
    for name, mail in mails.items():
        strange = [link for link in Page(mail.html).links if not link.startswith((f"{post.SITE}/", *ELSEWHERE))]
        assert strange == [], name


def test_the_plain_text_has_every_link_and_every_number_of_the_html(mails: dict[str, Mail]) -> None:
    missing: dict[str, list[str]] = {}
    for name, mail in mails.items():
        page = Page(mail.html)
        text = " ".join(mail.text.split())
        links = [link for link in page.links if " ".join(link.split()) not in text]
        there = set(NUMBER.findall(text))
        numbers = [number for number in NUMBER.findall(page.words) if number not in there]
        if links or numbers:
            missing[name] = [*links, *numbers]
    assert missing == {}


def test_the_plain_text_says_nothing_in_html_and_is_never_a_stub(mails: dict[str, Mail]) -> None:
    for name, mail in mails.items():
        page = Page(mail.html)
        assert not re.search(r"&(amp|lt|gt|quot|nbsp|#\d+);", mail.text), name
        assert len(mail.text.split()) >= 0.5 * len(page.words.split()), name
        assert "\n\n\n\n" not in mail.text, name


def test_every_letter_ends_with_who_sent_it_and_why(mails: dict[str, Mail]) -> None:
    for name, mail in mails.items():
        for body in (Page(mail.html).words, " ".join(mail.text.split())):
            assert "You get this email because" in body, name
            assert "City Hall, Plater Way, Sunderland" in body[-200:], name


def test_who_is_asked_on_a_scale_or_told_of_one_hears_which_end_is_which(mails: dict[str, Mail]) -> None:
    for name in ("survey_invitation-scale", "survey_outcome-single"):
        for body in (Page(mails[name].html).words, mails[name].text):
            assert "1 is the lowest, 5 the highest." in body, name
    assert "lowest" not in mails["survey_invitation-single"].text
