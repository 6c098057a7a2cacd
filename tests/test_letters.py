"""Letters: the layout around every email, and what must never get through it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2
import pytest

from intouch.letters import Letter, Letters, compile_mjml
from intouch.templating import FOLDER, Templates

BODY = """<mj-text><h1>Hello {{ name }}</h1></mj-text>
<mj-raw>{% for thing in things %}</mj-raw><mj-text><p>{{ thing }}</p></mj-text><mj-raw>{% endfor %}</mj-raw>
<mj-button href="{{ url }}" css-class="press">Go</mj-button>"""


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def tags(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Tags()
    parser.feed(html)
    return parser.seen


@pytest.fixture
def letters(tmp_path: Path) -> Letters:
    (tmp_path / "email" / "hello").mkdir(parents=True)
    (tmp_path / "email" / "_layout").symlink_to(FOLDER / "email" / "_layout")
    (tmp_path / "email" / "hello" / "subject.txt").write_text("Hello {{ name }}\nThings for {{ name }}\n")
    (tmp_path / "email" / "hello" / "body.mjml").write_text(BODY)
    (tmp_path / "email" / "hello" / "body.txt").write_text(
        "Hello {{ name }}\n{% for thing in things %}\n- {{ thing }}\n{% endfor %}\n{{ url }}\n"
    )
    templates = Templates(
        zone=ZoneInfo("Europe/London"),
        council_name="Sunderland & City",
        globals={"council_address": "City Hall"},
        folder=tmp_path,
    )
    return Letters(templates)


def hello(letters: Letters, **values: object) -> Letter:
    return letters.render("hello", **{"name": "Grace", "things": ["one", "two"], "url": "https://x.example/a?b=1&c=2", **values})


def test_a_letter_has_a_subject_a_preheader_html_and_text(letters: Letters) -> None:
    letter = hello(letters)
    assert letter.subject == "Hello Grace"
    assert "Things for Grace" in letter.html
    assert "<p>one</p>" in letter.html and "<p>two</p>" in letter.html
    assert letter.text.startswith("Hello Grace\n- one\n- two\nhttps://x.example/a?b=1&c=2\n")
    assert (
        "{{" not in letter.html
        and "{%" not in letter.html
        and "mj-" not in letter.html.split("<body")[1].replace("mj-outlook", "").replace("mj-column", "")
    )


def test_html_in_values_is_shown_as_words_and_text_is_not_escaped(letters: Letters) -> None:
    letter = hello(letters, name="<script>alert('&')</script>")
    assert "<script" not in letter.html
    assert "&lt;script&gt;" in letter.html
    assert letter.text.startswith("Hello <script>alert('&')</script>")
    assert "Sunderland &amp; City" in letter.html and "Sunderland & City" in letter.text


def test_a_line_break_in_a_value_cannot_begin_a_header_or_reach_the_preheader(letters: Letters) -> None:
    letter = hello(letters, name="Eve\r\nBcc: all@council.example")
    assert letter.subject == "Hello Eve Bcc: all@council.example"


def test_a_value_that_is_missing_is_an_error(letters: Letters) -> None:
    with pytest.raises(jinja2.UndefinedError, match="things"):
        letters.render("hello", name="Grace", url="https://x.example")


def test_the_footer_says_why_and_offers_preferences_and_unsubscribe_where_given(letters: Letters) -> None:
    bare = hello(letters)
    assert "You get this email because" in bare.html and "You get this email because" in bare.text
    assert "Unsubscribe" not in bare.html and "Unsubscribe" not in bare.text
    full = hello(letters, preferences_url="https://x.example/preferences/a", unsubscribe_url="https://x.example/unsubscribe/b")
    for part in (full.html, full.text):
        assert "https://x.example/preferences/a" in part and "https://x.example/unsubscribe/b" in part and "City Hall" in part


def test_the_html_is_accessible_and_follows_nobody(letters: Letters) -> None:
    seen = tags(hello(letters, language="cy").html)
    assert [attributes["lang"] for tag, attributes in seen if tag == "html"] == ["cy"]
    assert len([tag for tag, _ in seen if tag == "h1"]) == 1
    assert all(attributes.get("role") == "presentation" for tag, attributes in seen if tag == "table")
    assert not [tag for tag, _ in seen if tag in ("img", "script", "link", "iframe")]
    assert "http" not in "".join(str(attributes.get("src", "")) for _, attributes in seen)


def test_mjml_is_compiled_once(letters: Letters) -> None:
    compile_mjml.cache_clear()
    for name in ("Alice", "Bob", "Grace"):
        assert hello(letters, name=name).subject == f"Hello {name}"
    assert compile_mjml.cache_info().misses == 1


def test_more_headers_are_added_to_a_letter() -> None:
    letter = Letter("s", "h", "t", {"List-Id": "<a>"}).with_headers({"Auto-Submitted": "auto-generated"})
    assert letter.headers == {"List-Id": "<a>", "Auto-Submitted": "auto-generated"}
