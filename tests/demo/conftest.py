"""Fixtures of the demo's tests: a simulated Telegram and python-telegram-bot's own client for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import telegram as ptb
from telegram.request import HTTPXRequest

from intouch.clock import ShiftedClock
from intouch.demo.telegram import SimulatedTelegram, simulated_telegram
from intouch.demo.telegram.person import Person
from tests import city, shared
from tests.conftest import NOW


@pytest.fixture(autouse=True)
def _times_as_the_next_version_of_the_library_gives_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")


@pytest.fixture(scope="session")
def seeded_file(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole city in a SQLite file; that PostgreSQL takes it too is a test of its own."""
    made = shared.once(tmp_path_factory, "seeded", lambda folder: city.make(sqlite_template, folder, ShiftedClock(NOW)))
    return made / "city.sqlite3"


@pytest.fixture
async def telegram() -> AsyncIterator[SimulatedTelegram]:
    async with simulated_telegram() as simulated:
        yield simulated


@pytest.fixture
async def bot(telegram: SimulatedTelegram) -> AsyncIterator[ptb.Bot]:
    """An independent client: python-telegram-bot with its own httpx back end."""
    async with another_bot(telegram) as opened:
        yield opened


def another_bot(telegram: SimulatedTelegram, token: str = "") -> ptb.Bot:
    request = HTTPXRequest(connection_pool_size=8, httpx_kwargs={"trust_env": False})
    polling = HTTPXRequest(httpx_kwargs={"trust_env": False})
    url = telegram.url
    return ptb.Bot(
        token or telegram.token, base_url=f"{url}/bot", base_file_url=f"{url}/file/bot", request=request, get_updates_request=polling
    )


@pytest.fixture
def alice(telegram: SimulatedTelegram) -> Person:
    return telegram.person(1001, "Alice", has_started=True)
