"""Categories: what residents can report, from a TOML file that the council edits."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intouch import templating
from intouch.errors import InTouchError

DEFAULT_FILE = templating.FOLDER / "issue_categories.toml"

# A key travels in a button's 64 bytes of callback data, behind "report:is:" and the number of the draft.
_KEY = re.compile(r"^[a-z0-9][a-z0-9_-]{0,23}$")
_LONGEST = {"name": 40, "emoji": 8, "team": 100, "advice": 500}
_MOST = 40


class BadCategories(InTouchError):
    """The categories file cannot be used; the sentence names the file, the category and the key."""


@dataclass(frozen=True)
class Category:
    """One thing that can be reported. ``team`` is a response team's name, empty for the team of the area."""

    key: str
    name: str
    emoji: str = ""
    team: str = ""
    advice: str = ""

    @property
    def label(self) -> str:
        """The name with its emoji, for a button."""
        return f"{self.emoji} {self.name}".strip()


@dataclass(frozen=True)
class Categories:
    """The categories in the order of the file."""

    all: tuple[Category, ...]

    def find(self, key: str) -> Category | None:
        """The category with this key, if the file has it."""
        return next((category for category in self.all if category.key == key), None)

    def named(self, words: str) -> Category | None:
        """The category that a person typed by its name, however it is spaced and capitalised."""
        wanted = _squash(words)
        return next((category for category in self.all if wanted and wanted in (_squash(category.name), _squash(category.key))), None)

    def name(self, key: str) -> str:
        """What people read for ``key``; a category that was taken out of the file since is shown by its key."""
        category = self.find(key)
        return category.name if category else key.replace("-", " ").replace("_", " ").capitalize()


def _squash(words: str) -> str:
    return "".join(letter for letter in words.casefold() if letter.isalnum())


@functools.cache
def load(path: Path | None) -> Categories:
    """The categories of ``path``, or those that come with In Touch; read once. Raises ``BadCategories``."""
    file = path or DEFAULT_FILE
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise BadCategories(f"There is no categories file {file}. Check INTOUCH_CATEGORIES_FILE.") from None
    except OSError as error:
        raise BadCategories(f"{file.name} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadCategories(f"{file.name} is not UTF-8 text. Save it as UTF-8.") from None
    return read(text, filename=file.name)


def read(text: str, *, filename: str) -> Categories:
    """The categories written in ``text``; raises ``BadCategories`` with the file, the category and the key."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadCategories(f"{filename} is not valid TOML: {error}.") from None
    if unknown := sorted(set(document) - {"categories"}):
        raise BadCategories(f"{filename}: `{unknown[0]}` is not known here. Every category begins with [[categories]].")
    entries = document.get("categories")
    if not isinstance(entries, list) or not entries:
        raise BadCategories(f"{filename}: `categories` is missing. Write at least one [[categories]] with key and name.")
    if len(entries) > _MOST:
        raise BadCategories(f"{filename}: `categories` has {len(entries)} entries; {_MOST} is the most.")
    found: list[Category] = []
    for position, entry in enumerate(entries, start=1):
        category = _category(entry, where=f"{filename}, category {position}")
        if any(category.key == other.key for other in found):
            raise BadCategories(f"{filename}, category {position}: `key` {category.key!r} is used twice.")
        found.append(category)
    return Categories(tuple(found))


def _category(entry: Any, *, where: str) -> Category:
    if not isinstance(entry, Mapping):
        raise BadCategories(f"{where}: `categories` must be written as [[categories]].")
    if unknown := sorted(set(entry) - {"key", *_LONGEST}):
        raise BadCategories(f"{where}: `{unknown[0]}` is not known; use key, name, emoji, team and advice.")
    for key, value in entry.items():
        if not isinstance(value, str):
            raise BadCategories(f"{where}: `{key}` must be text in quotes.")
        if len(value) > _LONGEST.get(key, len(value)):
            raise BadCategories(f"{where}: `{key}` has {len(value)} characters; {_LONGEST[key]} is the most.")
    for key in ("key", "name"):
        if not entry.get(key, "").strip():
            raise BadCategories(f"{where}: `{key}` is missing.")
    if not _KEY.match(entry["key"]):
        raise BadCategories(f"{where}: `key` {entry['key']!r} may only have small letters, digits, - and _, at most 24 of them.")
    return Category(**{key: value.strip() for key, value in entry.items()})
