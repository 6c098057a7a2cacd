"""Reading: an email's HTML as a mail app sees it: its words, links, elements and styles."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_PROPERTY = re.compile(r"([a-z-]+)\s*:\s*([^;]+)")
_SILENT = ("style", "title", "head", "xml")


class Page(HTMLParser):
    """What is in the HTML outside the comments that only Outlook for Windows reads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.links: list[str] = []
        self.pieces: list[str] = []
        self.styles: list[str] = []
        self.sheets: list[str] = []
        self._open: list[str] = []
        self._hidden_at = 0
        self.feed(html)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.pieces).split())

    @property
    def properties(self) -> dict[str, set[str]]:
        """Each CSS property with the values that it has somewhere."""
        found: dict[str, set[str]] = {}
        rules = [rule for sheet in self.sheets for rule in re.findall(r"{([^{}]*)}", sheet)]
        for style in (*self.styles, *rules):
            for name, value in _PROPERTY.findall(style):
                found.setdefault(name, set()).add(value.replace("!important", "").strip())
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {(tag, name) for name, _ in attrs}
        style = dict(attrs).get("style") or ""
        self.styles.append(style)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "background", "action")]
        if tag not in ("meta", "br", "img", "hr", "link"):
            self._open.append(tag)
            if "display:none" in style.replace(" ", "") and not self._hidden_at:
                self._hidden_at = len(self._open)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {(tag, name) for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        if self._hidden_at == len(self._open):
            self._hidden_at = 0
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            self.sheets.append(data)
        elif not self._hidden_at and not set(_SILENT) & set(self._open):
            self.pieces.append(data)
