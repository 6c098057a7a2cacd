"""Plates: a digest encoded once and joined per person is a whole and valid message, whatever people are called."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from intouch.channels import mime
from intouch.channels.mime import Clean
from intouch.channels.smtp_connection import stuffed
from intouch.digest.rendering import DigestPress
from intouch.digest.stencil import cut, one_line
from intouch.letters import Letter, Letters
from intouch.links import Links
from intouch.templating import Templates
from tests.digest import cases

AT = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
SENDER = "Sunderland City Council <news@council.example>"
LINKS = Links(b"a-key-for-tests", "https://intouch.example")

anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
dots = st.text(st.sampled_from(".=ö \n\t<&'\""), max_size=400)


def read(raw: bytes) -> EmailMessage:
    """The message as Python's own parser reads it; the bytes keep every limit of RFC 5322 and RFC 2045."""
    message = email.message_from_bytes(raw, policy=email.policy.SMTPUTF8)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    lines = raw.split(b"\r\n")
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert not any(line.startswith((b".", b"From ")) for line in lines)
    assert max(map(len, lines)) <= 998
    assert max(map(len, raw.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 76
    return message


def parts(raw: bytes) -> list[str]:
    return [part.get_content().replace("\r\n", "\n") for part in read(raw).iter_parts()]


def copied(letter: Letter, *words: str) -> Clean:
    """The letter, in which ``{0}``, ``{1}`` … are places, with ``words`` at them, by way of a plate."""
    marked = cut(
        lambda place: Letter(
            letter.subject, *(re.sub(r"\{(\d)\}", lambda at: place(int(at[1])), text) for text in (letter.html, letter.text))
        )
    )
    values = [one_line(words[int(mark[0])]) for mark in marked.marks]
    return marked.engrave(SENDER).copy(mime.personal_headers(recipient="g@x.example", message_id="<1@x>", at=AT), values)


def plain(text: str) -> str:
    """``text`` as any letter brings it, whatever line breaks it was written with."""
    lines = text.replace("{", "").replace("\r\n", "\n").replace("\r", "\n")
    return lines.replace("\ue000", "").replace("\ue001", "")


@given(st.one_of(anything, dots), st.one_of(anything, dots), st.one_of(anything, dots))
@example(".", ".a", "." * 80)
@example("x" * 75, "y" * 76, "z" * 77)
@example("é" * 25 + "x", "=" * 30, " ")
@example("x" * 76 + "\n" + "." * 76, ".", "a" * 74 + ".....")
@example("From Monday\nFrom Tuesday, " + "x" * 80, "From here", "From there\nFrom " + "z" * 80)
@example("x" * 75 + "From me", "y" * 75 + "From you", "z" * 70 + "From all")
def test_whatever_stands_round_a_place_and_at_it_arrives(before: str, name: str, after: str) -> None:
    before, after = plain(before), plain(after)
    text, html = parts(mime.whole(copied(Letter("Hello", before + "{0}" + after + "{0}", before + "{0}{0}" + after), name)))
    one_line = " ".join(name.split())
    one_line = one_line if name.strip() == name else " " + one_line
    escaped = one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;").replace("'", "&#39;")
    # The line break before a boundary belongs to the boundary.
    assert text == before + one_line * 2 + after.removesuffix("\n")
    assert html == before + escaped + after + escaped


@pytest.mark.parametrize("contents", [cases.SMALL, cases.ORDINARY, cases.LARGE, cases.HOSTILE_DIGEST])
@pytest.mark.parametrize("name", ["Grace", "", "O'Brien & “Söhne” <b>", "名前" * 300, "...", "\r\nBcc: x@y.example", "א" * 80])
def test_a_copy_says_what_the_letter_says(templates: Templates, contents: dict[str, object], name: str) -> None:
    press = DigestPress(Letters(templates), LINKS)
    stencil = press.stencil(contents)
    copy = press.engraved(stencil).copy(12, name)
    personal = mime.personal_headers(recipient="grace@roker.example", message_id="<1@x>", at=AT)
    raw = mime.whole(copy.plate(SENDER).copy(personal, copy.words))
    letter = press.letter(stencil, resident_id=12, name=name)
    composed = mime.compose(letter, sender=SENDER, recipient="grace@roker.example", message_id="<1@x>", at=AT)
    assert parts(raw) == parts(composed)
    ours, theirs = read(raw), read(composed)
    assert {key: ours[key] for key in ours if key != "Content-Type"} == {key: theirs[key] for key in theirs if key != "Content-Type"}


def test_what_we_made_ourselves_needs_no_stuffing() -> None:
    copy = copied(Letter("Hello", ".{0}\n.\n", "..{0}"), ".")
    raw = mime.whole(copy)
    assert mime.size(copy) == len(raw)
    assert b"".join(stuffed(copy)) == b"".join(stuffed(raw)) == raw + b".\r\n"


@pytest.mark.parametrize("length", [1, 74, 75, 76, 150, 151, 400])
def test_a_token_of_any_length_stands_where_words_would(length: int) -> None:
    token = ("aZ9-_." * 100)[:length]
    personal = mime.personal_headers(recipient="g@x.example", message_id="<1@x>", at=AT)

    def letter(at: str) -> Letter:
        return Letter("Hello", f"<a href='{at}'>", f"See {at}!", {"List-Unsubscribe": f"<https://x.example/{at}>"})

    plate = cut(lambda place: letter(place("token"))).engrave(SENDER)
    for word in (token.encode(), token):
        raw = mime.whole(plate.copy(personal, [word]))
        assert parts(raw) == [f"See {token}!", f"<a href='{token}'>"]
        assert read(raw)["List-Unsubscribe"] == f"<https://x.example/{token}>"


def test_a_header_that_can_not_be_is_told_when_the_plate_is_made() -> None:
    marked = cut(lambda place: Letter("Hello", "Hi", "Hi", {"X-For": f"a\r\nBcc: b@x.example {place('t')}"}))
    with pytest.raises(mime.BadHeader):
        marked.engrave(SENDER)
