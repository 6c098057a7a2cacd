"""Fixtures: the post of a whole council, written once for all tests of this room."""

from __future__ import annotations

import asyncio
import pickle
import shutil
from pathlib import Path

import pytest

from intouch.demo.mailbox import Mail
from tests import shared
from tests.emails import post


@pytest.fixture(scope="session")
def post_office(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder from which the post was sent: database, keys and what arrived."""

    def send(folder: Path) -> None:
        shutil.copy(sqlite_template, folder / "post.sqlite3")
        with pytest.MonkeyPatch.context() as patch:
            (folder / "intouch.toml").touch()
            patch.setenv("INTOUCH_SETTINGS", str(folder / "intouch.toml"))
            sent = asyncio.run(post.everything(f"sqlite:///{folder / 'post.sqlite3'}", folder))
        (folder / "mails.pickle").write_bytes(pickle.dumps(sent))

    return shared.once(tmp_path_factory, "post", send)


@pytest.fixture(scope="session")
def mails(post_office: Path) -> dict[str, Mail]:
    """Every email by its name. One kind of database is enough here: what is looked at are the words."""
    sent: dict[str, Mail] = pickle.loads((post_office / "mails.pickle").read_bytes())
    return {name: mail for name, mail in sorted(sent.items()) if not name.startswith("other-")}
