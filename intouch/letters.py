"""Letters: one email as subject, HTML and plain text, from ``templates/email/<name>/``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import jinja2
import mrml

from intouch.templating import Templates, from_text, tidy

LAYOUT = "email/_layout"
BODY_PLACE = "<!-- the letter -->"
_SENDER = "intouch"  # the last part of a Feedback-ID stays the same for ever


@dataclass(frozen=True)
class Letter:
    """An email before it is encoded; ``headers`` are those beyond From, To, Subject, Date and Message-ID."""

    subject: str
    html: str
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_headers(self, headers: Mapping[str, str]) -> Letter:
        """This letter with more headers."""
        return replace(self, headers={**self.headers, **headers})


class Letters:
    """Renders letters for one council; keep one, for it remembers what it compiled.

    ``templates/email/<name>/`` holds:

    * ``subject.txt``: the subject; further lines are the preheader that mail apps show beside it;
    * ``body.mjml``: what stands in the column (``mj-text``, ``mj-button``, ``mj-divider``, ``mj-raw`` for loops), Jinja inside.
      It begins with an ``mj-text`` that holds the one ``<h1>``. A bare ``<`` in Jinja is no valid MJML: turn it round. Within an
      attribute, Jinja takes single quotes and the attribute double ones;
    * ``body.txt``: the same by hand in plain text;
    * ``why.txt``: why the person gets this (else the layout's own ``why.txt``).

    The layout adds the council's name, and a footer with ``why``, the council's address and, where they are given as values,
    ``preferences_url`` and ``unsubscribe_url``. ``language`` (default ``en``) is the lang attribute.
    """

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._plain = templates.environment.overlay(autoescape=False)
        self._compiled: dict[tuple[str, str], jinja2.Template] = {}

    def render(self, name: str, /, **values: Any) -> Letter:
        """The letter ``name``; a value that its templates need and that is missing is an error."""
        values.setdefault("language", "en")
        subject, preheader = self._subject(name, values)
        values |= {"subject": subject, "preheader": preheader, "why": self._why(name, values)}
        return Letter(subject, _without_indents(self._body(name).render(**values)), self._text(name, values))

    def check(self, name: str) -> None:
        """Compile the letter ``name`` without rendering it; raises what is wrong with its templates."""
        self._body(name)

    def _subject(self, name: str, values: Mapping[str, Any]) -> tuple[str, str]:
        # Cut before rendering: a line break that rode in with somebody's words would end the subject early.
        subject, _, preheader = self._source(f"email/{name}/subject.txt").strip().partition("\n")
        return self._line(name, subject, values), self._line(name, preheader, values)

    def _line(self, name: str, source: str, values: Mapping[str, Any]) -> str:
        if (name, source) not in self._compiled:
            self._compiled[name, source] = from_text(self._plain, f"{name}/line.txt", source)
        return " ".join(self._compiled[name, source].render(**values).split())

    def _why(self, name: str, values: Mapping[str, Any]) -> str:
        template = self._templates.environment.select_template([f"email/{name}/why.txt", f"{LAYOUT}/why.txt"])
        return " ".join(template.render(**values).split())

    def _text(self, name: str, values: Mapping[str, Any]) -> str:
        body = self._templates.text(f"email/{name}/body.txt", **values)
        footer = self._templates.text(f"{LAYOUT}/footer.txt", **values)
        return f"{tidy(body)}\n\n{tidy(footer)}\n"

    def _body(self, name: str) -> jinja2.Template:
        if (name, "body") not in self._compiled:
            source = self._source(f"{LAYOUT}/layout.mjml").replace(BODY_PLACE, self._source(f"email/{name}/body.mjml"))
            self._compiled[name, "body"] = from_text(self._templates.environment, f"{name}/body.html", compile_mjml(source))
        return self._compiled[name, "body"]

    def _source(self, path: str) -> str:
        environment = self._templates.environment
        if environment.loader is None:
            raise RuntimeError("templates have no folder to be read from")
        return environment.loader.get_source(environment, path)[0]


def bulk_headers(kind: str, campaign: object, *, list_name: str, public_url: str, unsubscribe_url: str = "") -> dict[str, str]:
    """What a letter to many tells mail apps: which list it is of (RFC 2919), which campaign a complaint is about, and how one
    tap ends it (RFC 2369, RFC 8058) where it can be ended. ``campaign`` names nobody: one value for all who get the same."""
    headers = {"List-Id": f"<{list_name.lower()}.{urlsplit(public_url).hostname}>", "Feedback-ID": f"{campaign}:{kind}:{_SENDER}".lower()}
    if unsubscribe_url:
        headers |= {"List-Unsubscribe": f"<{unsubscribe_url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    return headers


def _without_indents(html: str) -> str:
    # Mail apps cut off what lies behind 100 KB, and a loop's indentation is a good part of that.
    return "\n".join(line for line in map(str.strip, html.splitlines()) if line)


@lru_cache(maxsize=64)
def compile_mjml(source: str) -> str:
    """MJML as the HTML that mail apps understand, with the Jinja inside it left as it stands."""
    # Without this, a font that MJML knows (such as Roboto) is fetched from Google by whoever opens the letter.
    return mrml.to_html(source, render_options=mrml.RenderOptions(fonts={})).content
