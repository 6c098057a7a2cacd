"""Letters as bytes, read back with Python's own email parser."""

from __future__ import annotations

import email
import email.policy
import quopri
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from intouch.channels import mime, quoted_printable
from intouch.letters import Letter, bulk_headers

AT = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
SENDER = "Sunderland City Council <news@council.example>"
LETTER = Letter("This week in Southwick", "<p>Hello</p>", "Hello\n")

printable = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=300)
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=2000)


def compose(letter: Letter = LETTER, *, recipient: str = "grace@roker.example", name: str = "") -> bytes:
    return mime.compose(
        letter, sender=SENDER, recipient=recipient, message_id=mime.message_id("edition:7:12", SENDER), at=AT, recipient_name=name
    )


def read(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.SMTPUTF8)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    return message


def test_a_letter_has_a_text_an_html_part_and_the_headers_of_a_letter() -> None:
    message = read(compose())
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert message["From"] == SENDER
    assert message["To"] == "grace@roker.example"
    assert message["Date"] == "Fri, 20 Nov 2026 16:00:00 +0000"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@council.example>")
    assert message["MIME-Version"] == "1.0"


def test_a_repeat_is_the_same_message_to_the_byte() -> None:
    assert compose() == compose()
    assert mime.message_id("edition:7:12", SENDER) != mime.message_id("edition:7:13", SENDER)


def test_a_list_letter_can_be_left_with_one_click() -> None:
    url = "https://council.example/unsubscribe/" + "token" * 40
    more = bulk_headers("digest", "e1", list_name="digest", public_url="https://council.example", unsubscribe_url=url)
    message = read(compose(LETTER.with_headers(more)))
    assert message["List-Id"] == "<digest.council.example>"
    assert message["List-Unsubscribe"] == f"<{url}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@given(name=printable, subject=printable, text=anything, html=anything)
def test_names_subjects_and_texts_of_every_script_come_through(name: str, subject: str, text: str, html: str) -> None:
    raw = compose(Letter(subject, html, text), name=name)
    message = read(raw)
    for part, said in zip(message.iter_parts(), (text, html), strict=True):
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        lines = said.replace("\r\n", "\n").replace("\r", "\n")
        assert payload.decode() == lines.removesuffix("\n").replace("\n", "\r\n")  # the last one belongs to the boundary
    legacy = email.message_from_bytes(raw)
    assert read_header(legacy["Subject"]) == " ".join(subject.split())
    assert parseaddr(legacy["To"])[1] == "grace@roker.example"
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.isascii() and body.isascii()
    assert all(len(line) <= 76 for line in body.split(b"\r\n"))


@given(name=printable.filter(lambda name: name.strip() == name and name != ""))
def test_a_display_name_comes_through_whole(name: str) -> None:
    message = email.message_from_bytes(compose(name=name))
    shown, address = parseaddr(message["To"].replace("\r\n ", " "))
    assert address == "grace@roker.example"
    assert read_header(shown) == name


def read_header(value: str) -> str:
    return str(email.header.make_header(email.header.decode_header(value.replace("\r\n ", " "))))


@pytest.mark.parametrize("end", [" ", "\t", "  ", ".\t", "é "])
@pytest.mark.parametrize("length", range(66, 80))
def test_a_space_at_the_end_of_a_line_finds_room(length: int, end: str) -> None:
    text = "a" * length + end + "\nnext" + end
    for encoded in (quoted_printable.whole(text), quoted_printable.up_to_a_place(text), quoted_printable.whole("." * 3 + text)):
        assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert quopri.decodestring(quoted_printable.whole(text)).decode() == f"{text}\n".replace("\n", "\r\n")


def test_an_old_kind_of_line_break_before_a_place_is_kept() -> None:
    assert quoted_printable.up_to_a_place("Dear\r") == b"Dear\r\n=\r\n"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400))
@example("x" * 74 + " ")
@example("first\n" + "é" * 12 + "xx\t\nlast")
def test_quoted_printable_lines_are_short_whatever_stands_in_them(text: str) -> None:
    encoded = quoted_printable.whole(text)
    assert encoded.endswith(b"\r\n")
    assert all(len(line) <= 76 and line == line.rstrip() for line in encoded.split(b"\r\n"))


@pytest.mark.parametrize(
    ("recipient", "name"),
    [
        ("grace@x.example\r\nBcc: mallory@x.example", ""),
        ("grace@x.example", "Grace\r\nBcc: mallory@x.example"),
        ("grace@x.example", "Grace\nBcc: x"),
        ("grace@x.example", "Grace\x00"),
        ("grace", ""),
        ("a@b@c d", ""),
        ('"grace"@x.example', ""),
    ],
)
def test_line_breaks_in_names_and_addresses_are_refused(recipient: str, name: str) -> None:
    with pytest.raises(mime.BadHeader):
        compose(recipient=recipient, name=name)


def test_headers_cannot_be_smuggled_in_by_a_letter() -> None:
    with pytest.raises(mime.BadHeader):
        compose(LETTER.with_headers({"X-Ward": "a\r\nBcc: mallory@x.example"}))
    with pytest.raises(mime.BadHeader):
        compose(LETTER.with_headers({"X-Ward:\r\nBcc": "a"}))
    with pytest.raises(mime.BadHeader):
        compose(LETTER.with_headers({"X-Long": "x" * 2000}))
    assert read(compose(Letter("Two\r\nlines: no", "", "")))["Subject"] == "Two lines: no"


def test_a_domain_of_another_script_is_written_in_ascii() -> None:
    assert mime.address_on_the_wire("grace@münchen.example") == "grace@xn--mnchen-3ya.example"
    assert b"gr\xc3\xa2ce@roker.example" in compose(recipient="grâce@roker.example")


@pytest.mark.parametrize(
    ("domain", "registered"),
    [("straße.example", "xn--strae-oqa.example"), ("βόλος.example", "xn--nxasmm1c.example"), ("Faß.example", "xn--fa-hia.example")],
)
def test_no_letter_goes_to_another_domain_that_an_older_standard_took_for_the_same(domain: str, registered: str) -> None:
    assert mime.address_on_the_wire(f"grace@{domain}") == f"grace@{registered}"


@given(st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=200))
def test_no_line_with_an_encoded_word_is_longer_than_76_characters(words: str) -> None:
    """RFC 2047, section 2."""
    head = compose(Letter(words, "", ""), name=words).partition(b"\r\n\r\n")[0]
    assert all(len(line) <= 76 for line in head.split(b"\r\n") if b"=?" in line)
