"""Headers: each kind of letter says what it is, and only those say "list" that are one."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default

import pytest

from intouch.demo.mailbox import Mail
from tests.emails import post

HOST = "intouch.sunderland.example"
LISTS = {
    "digest": ("digest.e05016391", "e05016391:digest"),
    "briefing": ("briefing.e05016391", "e05016391:briefing"),
    "survey_invitation": ("surveys", "*:invitation"),
    "survey_outcome": ("outcomes", "*:outcome"),
    "ask_ward": ("wards", "2026-11-20:ask-ward"),
}
ENDED_BY_ONE_TAP = ("digest", "survey_invitation", "survey_outcome", "ask_ward")
ONE_BY_ONE = ("confirm_email", "already_joined", "issue_update")


def test_every_letter_there_is_was_sent(mails: dict[str, Mail]) -> None:
    kinds = {name.partition("-")[0] for name in mails}
    assert kinds == {*LISTS, *ONE_BY_ONE}
    assert len(mails) == len(post.DIGESTS) + len(post.BRIEFINGS) + len(post.QUESTIONS) + 5 + 9


def test_every_letter_is_one_well_formed_message_that_asks_for_no_automatic_answer(mails: dict[str, Mail]) -> None:
    for name, mail in mails.items():
        parsed = message_from_bytes(mail.raw, policy=default)
        assert parsed.defects == [] and all(part.defects == [] for part in parsed.walk()), name
        assert parsed["Auto-Submitted"] == "auto-generated", name
        assert [part.get_content_type() for part in parsed.walk()] == ["multipart/alternative", "text/plain", "text/html"], name
        for header in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Auto-Submitted"):
            assert len(parsed.get_all(header) or []) == 1, name
        assert parsed["Precedence"] is None and parsed["Bcc"] is None, name
        assert max(map(len, mail.raw.split(b"\r\n"))) <= 998, name


@pytest.mark.parametrize("kind", LISTS)
def test_a_letter_to_many_says_of_which_list_and_campaign_it_is(kind: str, mails: dict[str, Mail]) -> None:
    list_id, campaign = LISTS[kind]
    for name, mail in mails.items():
        if name.partition("-")[0] != kind:
            continue
        assert mail.headers["list-id"] == f"<{list_id}.{HOST}>"
        about, _, sender = mail.headers["feedback-id"].rpartition(":")
        assert sender == "intouch" and about.partition(":")[2] == campaign.partition(":")[2]
        assert campaign.startswith("*") or about == campaign


def test_one_tap_ends_what_can_be_ended_and_nothing_else(mails: dict[str, Mail]) -> None:
    for name, mail in mails.items():
        if name.startswith(ENDED_BY_ONE_TAP):
            url = mail.headers["list-unsubscribe"]
            assert url.startswith(f"<{post.SITE}/unsubscribe/") and url.endswith(">"), name
            assert mail.headers["list-unsubscribe-post"] == "List-Unsubscribe=One-Click", name
            assert url.strip("<>") in mail.html and url.strip("<>") in mail.text, name
        else:
            assert not {"list-unsubscribe", "list-unsubscribe-post"} & set(mail.headers), name


def test_a_letter_to_one_person_is_no_list(mails: dict[str, Mail]) -> None:
    for name, mail in mails.items():
        if name.startswith(ONE_BY_ONE):
            assert not {"list-id", "feedback-id"} & set(mail.headers), name
