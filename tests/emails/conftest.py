"""Fixtures: the post of a whole council, written once for all tests of this room."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from intouch.demo.mailbox import Mail
from tests.emails import post


@pytest.fixture(scope="session")
def post_office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder from which the post is sent: database and keys."""
    return tmp_path_factory.mktemp("post")


@pytest.fixture(scope="session")
def mails(sqlite_template: Path, post_office: Path) -> dict[str, Mail]:
    """Every email by its name. One kind of database is enough here: what is looked at are the words."""
    folder = post_office
    shutil.copy(sqlite_template, folder / "post.sqlite3")
    with pytest.MonkeyPatch.context() as patch:
        (folder / "intouch.toml").touch()
        patch.setenv("INTOUCH_SETTINGS", str(folder / "intouch.toml"))
        sent = asyncio.run(post.everything(f"sqlite:///{folder / 'post.sqlite3'}", folder))
    return {name: mail for name, mail in sorted(sent.items()) if not name.startswith("other-")}
