"""A small council that runs for real: the application, a simulated Telegram and a mailbox, all on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import app
from intouch import settings as settings_module
from intouch.clock import ShiftedClock
from intouch.council import linking, people
from intouch.council.models import Councillor, ResponseTeam
from intouch.demo.mailbox import Mailbox, mailbox
from intouch.demo.telegram import SimulatedTelegram, simulated_telegram
from intouch.places.models import Area, Postcode, Ward
from intouch.runtime import Runtime
from intouch.schedule import reconcile
from intouch.settings import Settings

# One square kilometre or so each, side by side.
WARDS = {"E05016391": ("Southwick", -1.41, 54.92), "E05016377": ("Fulwell", -1.38, 54.92), "E05016389": ("Roker", -1.37, 54.92)}
POSTCODES = {"SR52AA": "E05016391", "SR69AA": "E05016377", "SR60AA": "E05016389"}
SIZE = 0.01


@dataclass
class House:
    """Everything a story needs: the running application, the world around it, and the clock."""

    application: app.Application
    telegram: SimulatedTelegram
    mailbox: Mailbox
    clock: ShiftedClock
    settings: Settings
    browser: httpx.AsyncClient

    @property
    def runtime(self) -> Runtime:
        return self.application.runtime

    async def it_is(self, moment: datetime) -> None:
        """Let time pass, and let the schedule notice."""
        self.clock.set(moment)
        await self.application.schedule.tick()

    async def restart(self, prepare: Callable[[app.Application], None] = lambda _: None) -> None:
        """Stop the application as a deployment would, and start it again, prepared for a test."""
        await self.application.stop()
        self.application = app.Application(self.settings, clock=self.clock, parts=self.application.parts)
        prepare(self.application)
        await self.application.start()


async def until(true: Callable[[], Awaitable[bool]], *, what: str, timeout: float = 20.0) -> None:
    """Wait for something that happens behind the scenes; says what did not."""
    for _ in range(int(timeout / 0.02)):
        if await true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {timeout} s")


async def small_council(session: AsyncSession, now: datetime) -> None:
    """Three wards in one area, a team, a councillor for Southwick and an officer."""
    area = Area(name="North")
    session.add(area)
    await session.flush()
    wards: dict[str, Ward] = {}
    for code, (name, west, south) in WARDS.items():
        ring = [[west, south], [west + SIZE, south], [west + SIZE, south + SIZE], [west, south + SIZE], [west, south]]
        wards[code] = Ward(
            code=code,
            name=name,
            area_id=area.id,
            boundary=[[ring]],
            west=west,
            south=south,
            east=west + SIZE,
            north=south + SIZE,
            valid_from=date(2026, 5, 7),
        )
        session.add(wards[code])
    await session.flush()
    for postcode, code in POSTCODES.items():
        _, west, south = WARDS[code]
        session.add(Postcode(postcode=postcode, ward_id=wards[code].id, longitude=west + SIZE / 2, latitude=south + SIZE / 2))
    session.add(ResponseTeam(name="North response team", area_id=area.id, email="north@council.example"))
    session.add(Councillor(name="Carl Councillor", ward_id=wards["E05016391"].id, email="carl@council.example"))
    await people.add_officer(session, name="Olive Officer", email="olive@council.example", now=now)


def free_port() -> int:
    """A port that nobody listens on just now, nor gets for a connection of their own: those begin at 32768."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port := secrets.choice(range(20_000, 32_000))))
            return port


@pytest.fixture
def overrides() -> dict[str, str]:
    """Settings that a story needs to be other than usual."""
    return {}


@pytest.fixture
async def house(database_url: str, tmp_path: Path, clock: ShiftedClock, overrides: dict[str, str]) -> AsyncIterator[House]:
    """In Touch as it runs in production, pointed at a simulated Telegram and a mailbox."""
    address = f"127.0.0.1:{free_port()}"
    async with simulated_telegram() as telegram, mailbox() as box, httpx.AsyncClient(verify=False, base_url=f"http://{address}") as browser:
        settings = settings_module.load(
            data_dir=tmp_path / "data",
            database_url=database_url,
            secret_key="a-key-for-tests",
            council_name="Sunderland City Council",
            council_address="City Hall, Plater Way, Sunderland",
            telegram_token=telegram.token,
            telegram_api_url=telegram.url,
            telegram_bot_name="sunderland_bot",
            smtp_url=box.url,
            public_url=f"http://{address}",
            listen=address,
            **overrides,
        )
        application = app.Application(settings, clock=clock)
        running = House(application, telegram, box, clock, settings, browser)
        async with application.runtime.sessions.write() as session:
            await small_council(session, clock.now())
        await reconcile(application.runtime)  # it has been running for a while: digests fall due from now on
        await application.start()
        yield running
        await running.application.stop()


async def link_officer(house: House, telegram_id: int) -> str:
    """A one-time code for Olive, made as `intouch officer add` makes it."""
    async with house.runtime.sessions.write() as session:
        officer = await people.officer_of(session, telegram_id)
        if officer is not None:
            return ""
        return await linking.issue_code(session, officer_id=1, now=house.clock.now())
