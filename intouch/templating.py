"""Templating: every word that people read comes from ``templates/`` through here."""

from __future__ import annotations

import gettext
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import CodeType
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from jinja2.ext import Extension
from markupsafe import Markup

_PACKAGED = Path(__file__).parent / "templates"
FOLDER = _PACKAGED if _PACKAGED.exists() else Path(__file__).parent.parent / "templates"

TELEGRAM_TEXT_LIMIT = 4096


@dataclass(frozen=True)
class Button:
    """One button under a message: it sends ``data`` back to the bot, or opens ``url``."""

    label: str
    data: str = ""
    url: str = ""


@dataclass(frozen=True)
class TelegramMessage:
    """A message in Telegram's HTML: ``text`` (at most 4,096 characters) and rows of buttons under it.

    ``location_label`` asks for a location with a big button instead of the keyboard;
    ``clears_keyboard`` takes such a button away again.
    """

    text: str
    buttons: tuple[tuple[Button, ...], ...] = ()
    location_label: str = ""
    clears_keyboard: bool = False

    def to_json(self) -> dict[str, Any]:
        """The message as a JSON object, for a delivery's payload."""
        return {
            "text": self.text,
            "buttons": [[[b.label, b.data, b.url] for b in row] for row in self.buttons],
            "location_label": self.location_label,
            "clears_keyboard": self.clears_keyboard,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TelegramMessage:
        """The message that ``to_json`` wrote."""
        rows = tuple(tuple(Button(*button) for button in row) for row in value["buttons"])
        return cls(value["text"], rows, value["location_label"], value["clears_keyboard"])


class _Keyboard:
    """Collects the buttons that a Telegram template names while it renders."""

    def __init__(self) -> None:
        self.rows: list[list[Button]] = []
        self.location_label = ""
        self.clears = False

    def button(self, label: str, data: str, beside: bool = False) -> str:
        if len(data.encode()) > 64:
            raise ValueError(f"callback data longer than Telegram's 64 bytes: {data!r}")
        return self._add(Button(_plain(label), data=data), beside)

    def link_button(self, label: str, url: str, beside: bool = False) -> str:
        return self._add(Button(_plain(label), url=url), beside)

    def _add(self, button: Button, beside: bool) -> str:
        if beside and self.rows:
            self.rows[-1].append(button)
        else:
            self.rows.append([button])
        return ""

    def ask_location(self, label: str) -> str:
        self.location_label = _plain(label)
        return ""

    def clear_keyboard(self) -> str:
        self.clears = True
        return ""


def _plain(label: str) -> str:
    # A button's label is plain text to Telegram: what autoescaping did to it has to be undone.
    return label.unescape() if isinstance(label, Markup) else label


class _KeepLineAfterTranslation(Extension):
    """Tags on lines of their own leave no blank line, but a translated sentence keeps the line break behind it."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return source.replace("{% endtrans %}", "{% endtrans +%}")


class _CompiledOnce(jinja2.BytecodeCache):
    """Compiled templates kept for as long as the process lives, so that a second runtime in it need not compile them again."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        if bucket.code is not None:
            self._code[bucket.key, bucket.checksum] = bucket.code


_COMPILED = _CompiledOnce()


class Templates:
    """Renders the templates of one council: autoescaped, and a name that is missing is an error."""

    def __init__(self, *, zone: ZoneInfo, council_name: str, globals: Mapping[str, Any] | None = None, folder: Path = FOLDER) -> None:
        self.zone = zone
        self.environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folder),
            autoescape=lambda name: name is None or not name.endswith(".txt"),  # noqa: S701 - plain-text emails are no HTML
            undefined=jinja2.StrictUndefined,
            extensions=["jinja2.ext.i18n", "jinja2.ext.do", _KeepLineAfterTranslation],
            trim_blocks=True,
            lstrip_blocks=True,
            bytecode_cache=_COMPILED,
        )
        self.environment.install_gettext_translations(gettext.NullTranslations(), newstyle=True)  # type: ignore[attr-defined]
        self.environment.globals.update(council_name=council_name, **(globals or {}))
        self.environment.filters.update(day=self.day, moment=self.moment, percent=percent, plural=plural)

    def text(self, name: str, /, **values: Any) -> str:
        """The template ``name`` (a path below ``templates/``) rendered as it stands."""
        return self.environment.get_template(name).render(**values)

    def telegram(self, name: str, /, **values: Any) -> TelegramMessage:
        """``templates/telegram/<name>.html`` as a message; the template calls ``button(label, data)`` for its keyboard."""
        keyboard = _Keyboard()
        text = self.environment.get_template(f"telegram/{name}.html").render(
            **values,
            button=keyboard.button,
            link_button=keyboard.link_button,
            ask_location=keyboard.ask_location,
            clear_keyboard=keyboard.clear_keyboard,
        )
        return TelegramMessage(tidy(text), tuple(tuple(row) for row in keyboard.rows), keyboard.location_label, keyboard.clears)

    def day(self, value: date | datetime) -> str:
        """``Saturday 5 December``, in the council's time zone."""
        value = value.astimezone(self.zone) if isinstance(value, datetime) else value
        return f"{value:%A} {value.day} {value:%B}"

    def moment(self, value: datetime) -> str:
        """``Saturday 5 December at 6:00 pm``, in the council's time zone."""
        local = value.astimezone(self.zone)
        return f"{self.day(local)} at {time_of_day(local)}"


def from_text(environment: jinja2.Environment, name: str, source: str) -> jinja2.Template:
    """A template that is no file; unlike with ``environment.from_string``, the next runtime need not compile it again."""
    return jinja2.DictLoader({name: source}).load(environment, name, environment.make_globals(None))


def dated(local: date) -> str:
    """``Saturday 5 December 2026``: with the year, as a slip in it is easily made."""
    return f"{local:%A} {local.day} {local:%B %Y}"


def dated_moment(at: datetime, zone: ZoneInfo) -> str:
    """``Saturday 5 December 2026 at 6:00 pm``, in council time."""
    local = at.astimezone(zone)
    return f"{dated(local)} at {time_of_day(local)}"


def time_of_day(local: datetime) -> str:
    """``6:00 pm``."""
    return f"{local.hour % 12 or 12}:{local:%M} {'am' if local.hour < 12 else 'pm'}"


def percent(share: float) -> str:
    """A share between 0 and 1 as a whole percentage: ``0.424`` → ``42%``."""
    return f"{round(share * 100)}%"


def plural(number: int, one: str, many: str) -> str:
    """``3 people``, ``1 person``."""
    return f"{number:,} {one if number == 1 else many}"


def tidy(text: str) -> str:
    """``text`` without the blank lines that template tags leave behind: at most one in a row, none at the ends."""
    lines: list[str] = []
    for line in text.strip().splitlines():
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines)
