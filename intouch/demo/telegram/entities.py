"""Entities: Telegram's HTML read into plain text and entities, refused where Telegram refuses it."""

from __future__ import annotations

import re
from typing import Any

from intouch.demo.telegram.refusals import Refused, bad_request

Entity = dict[str, Any]

_KINDS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "tg-emoji": "custom_emoji",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|(lt|gt|amp|quot));?")
_START_TAG = re.compile(r"<([^\s>/]+)((?:\s+[^\s=>]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'>]+))?)*)\s*>")
_ATTRIBUTE = re.compile(r"([^\s=>]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")
_COMMAND = re.compile(r"(?<![\w/<>])/[a-zA-Z0-9_]{1,64}(?:@\w{3,32})?(?!\w)")
_WEB_ADDRESS = re.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,:;!?)\]]")


def utf16_length(text: str) -> int:
    """How many UTF-16 code units ``text`` takes: what Telegram counts offsets and lengths in."""
    return len(text.encode("utf-16-le")) // 2


def parse_html(source: str) -> tuple[str, list[Entity]]:
    """The plain text and the entities of ``source``; raises "can't parse entities" as Telegram does."""
    return _Reader(source).read()


class _Reader:
    """One walk over a text in Telegram's HTML."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.position = 0
        self.text = ""
        self.open: list[tuple[str, Entity]] = []
        self.entities: list[Entity] = []

    def read(self) -> tuple[str, list[Entity]]:
        while self.position < len(self.source):
            here = self.source[self.position]
            if here == "<" and self.source.startswith("</", self.position):
                self._end_tag()
            elif here == "<":
                self._start_tag()
            elif here == "&":
                self._reference()
            else:
                self._plain()
        if self.open:
            raise self._refused(f'Can\'t find end tag corresponding to start tag "{self.open[-1][0]}"')
        return trimmed(self.text, sorted(self.entities, key=lambda entity: (entity["offset"], -entity["length"])))

    def _plain(self) -> None:
        end = next((i for i in range(self.position, len(self.source)) if self.source[i] in "<&"), len(self.source))
        self.text += self.source[self.position : end]
        self.position = end

    def _reference(self) -> None:
        match = _REFERENCE.match(self.source, self.position)
        if match is None:
            self.text += "&"
            self.position += 1
            return
        decimal, hexadecimal, name = match.groups()
        self.text += _NAMED[name] if name else chr(int(decimal) if decimal else int(hexadecimal, 16))
        self.position = match.end()

    def _start_tag(self) -> None:
        match = _START_TAG.match(self.source, self.position)
        tag = match.group(1).lower() if match else re.split(r"[\s>]", self.source[self.position + 1 :], maxsplit=1)[0].lower()
        if match is None and ">" not in self.source[self.position :]:
            raise self._refused("Unclosed start tag at byte offset {}")
        if tag not in _KINDS:
            raise self._refused(f'Unsupported start tag "{tag}" at byte offset {{}}')
        if match is None:
            raise self._refused(f'Can\'t parse the attributes of the tag "{tag}" at byte offset {{}}')
        attributes = {name.lower(): "".join(values) for name, *values in _ATTRIBUTE.findall(match.group(2))}
        self.open.append((tag, self._entity(tag, attributes)))
        self.position = match.end()

    def _entity(self, tag: str, attributes: dict[str, str]) -> Entity:
        entity: Entity = {"type": _KINDS[tag], "offset": utf16_length(self.text)}
        if tag == "span" and attributes.get("class") != "tg-spoiler":
            raise self._refused('Tag "span" must have class "tg-spoiler" at byte offset {}')
        if tag == "tg-emoji":
            entity["custom_emoji_id"] = attributes.get("emoji-id", "")
        if tag == "a" and attributes.get("href"):
            entity["url"] = _REFERENCE.sub(_decoded, attributes["href"])
        if tag == "blockquote" and "expandable" in attributes:
            entity["type"] = "expandable_blockquote"
        return entity

    def _end_tag(self) -> None:
        end = self.source.find(">", self.position)
        if end < 0:
            raise self._refused("Unclosed end tag at byte offset {}")
        tag = self.source[self.position + 2 : end].strip().lower()
        if not self.open:
            raise self._refused("Unexpected end tag at byte offset {}")
        expected, entity = self.open.pop()
        if tag and tag != expected:
            raise self._refused(f'Unmatched end tag at byte offset {{}}, expected "</{expected}>", found "</{tag}>"')
        self._close(entity)
        self.position = end + 1

    def _close(self, entity: Entity) -> None:
        entity["length"] = utf16_length(self.text) - entity["offset"]
        # A link that leads nowhere is shown as plain text, and so is an empty one.
        leads = entity["type"] != "text_link" or re.match(r"(https?|tg|mailto|tel)://?", entity.get("url", ""))
        if entity["length"] and leads:
            self.entities.append(entity)

    def _refused(self, reason: str) -> Refused:
        offset = len(self.source[: self.position].encode())
        return bad_request("can't parse entities: " + reason.replace("{}", str(offset)))


def _decoded(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    return _NAMED[name] if name else chr(int(decimal) if decimal else int(hexadecimal, 16))


def trimmed(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """``text`` without white space at its ends, as Telegram shows it, and the entities moved with it."""
    bare = text.strip()
    gone = utf16_length(text[: len(text) - len(text.lstrip())])
    size = utf16_length(bare)
    kept: list[Entity] = []
    for entity in entities:
        start = max(0, entity["offset"] - gone)
        length = min(size, entity["offset"] + entity["length"] - gone) - start
        if length > 0:
            kept.append({**entity, "offset": start, "length": length})
    return bare, kept


def found_in(text: str, entities: list[Entity]) -> list[Entity]:
    """``entities`` and those that Telegram finds by itself: commands and web addresses."""
    taken = [
        (entity["offset"], entity["offset"] + entity["length"]) for entity in entities if entity["type"] in ("text_link", "code", "pre")
    ]
    found = list(entities)
    for kind, pattern in (("bot_command", _COMMAND), ("url", _WEB_ADDRESS)):
        for match in pattern.finditer(text):
            start = utf16_length(text[: match.start()])
            end = start + utf16_length(match.group())
            if all(end <= first or last <= start for first, last in taken):
                found.append({"type": kind, "offset": start, "length": end - start})
                taken.append((start, end))
    return sorted(found, key=lambda entity: (entity["offset"], -entity["length"]))
