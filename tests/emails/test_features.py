"""Features: what our emails use of HTML and CSS is known, and what some mail app lacks of it may only become less."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from intouch.demo.mailbox import Mail
from tests.emails.reading import Page

HERE = Path(__file__).parent
SUPPORT: dict[str, dict[str, list[str]]] = tomllib.loads((HERE / "support.toml").read_text())
HELD = HERE / "findings.txt"


def used(page: Page) -> set[str]:
    """Everything that the page uses, named as in support.toml."""
    sheets = "\n".join(page.sheets)
    found = {f"element {name}" for name in page.elements} | {f"css {name}" for name in page.properties}
    found |= {f"media {name}" for name in re.findall(r"@media[^{]*\(([a-z-]+)", sheets)}
    found |= {f"at @{name}" for name in re.findall(r"@([a-z-]+)", sheets)}
    found |= {f"selector {name}" for name in re.findall(r":([a-z-]+)(?=[^;{}]*{)", sheets) if name in ("root", "hover", "not", "has")}
    if re.search(r">\s*[a-z.]+[^;{}]*{", sheets):
        found.add("selector child")
    return found


def all_used(mails: dict[str, Mail]) -> set[str]:
    return {feature for mail in mails.values() for feature in used(Page(mail.html))}


def known() -> dict[str, list[str]]:
    return {f"{kind} {name}": clients for kind, features in SUPPORT.items() for name, clients in features.items()}


def test_every_feature_is_known(mails: dict[str, Mail]) -> None:
    assert sorted(all_used(mails) - set(known())) == [], "look up who lacks it, and write it into support.toml"


def test_the_table_knows_nothing_that_is_not_used(mails: dict[str, Mail]) -> None:
    assert sorted(set(known()) - all_used(mails)) == []


def test_what_some_mail_app_lacks_only_becomes_less(mails: dict[str, Mail]) -> None:
    table = known()
    found = {f"{feature}: {', '.join(sorted(table[feature]))}" for feature in all_used(mails) if table.get(feature)}
    held = set(HELD.read_text().splitlines())
    assert sorted(found - held) == [], "this is new: do without it"
    assert sorted(held - found) == [], "well done: take these lines out of findings.txt"
