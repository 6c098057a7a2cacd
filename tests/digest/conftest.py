"""Fixtures of the digest: wards, residents and councillors written straight into the tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from intouch.council.models import Councillor
from intouch.places.models import Area, Ward
from intouch.residents.models import Channel, Resident, ResidentStatus, Subscription, Topic
from intouch.runtime import Runtime
from intouch.templating import Templates

JOINED = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)


@dataclass
class Town:
    """Two wards in one area, with people whom a test adds."""

    runtime: Runtime
    southwick: int = 0
    fulwell: int = 0
    _added: list[int] = field(default_factory=list)

    async def add(self, *rows: Any) -> None:
        async with self.runtime.sessions.write() as session:
            session.add_all(rows)

    async def subscriber(self, ward_id: int | None = None, *, name: str = "Grace", email: str = "", joined_at: datetime = JOINED) -> int:
        """A resident whose weekly digest comes by email; the id."""
        self._added.append(1)
        number = len(self._added)
        resident = Resident(
            status=ResidentStatus.ACTIVE,
            telegram_id=7000 + number,
            first_name=name,
            ward_id=ward_id or self.southwick,
            email=email or f"resident{number}@mail.example",
            email_confirmed_at=joined_at,
            created_at=joined_at,
            joined_at=joined_at,
        )
        async with self.runtime.sessions.write() as session:
            session.add(resident)
            await session.flush()
            session.add(Subscription(resident_id=resident.id, topic=Topic.DIGEST, channel=Channel.EMAIL, started_at=joined_at))
        return resident.id

    async def councillor(self, *, telegram_id: int | None = None, name: str = "Carl", email: str = "carl@council.example") -> int:
        councillor = Councillor(name=name, ward_id=self.southwick, email=email, telegram_id=telegram_id, is_active=True)
        await self.add(councillor)
        return councillor.id


def ward(code: str, name: str, area_id: int | None, *, valid_from: date = date(2026, 5, 7), valid_to: date | None = None) -> Ward:
    return Ward(code=code, name=name, area_id=area_id, valid_from=valid_from, valid_to=valid_to)


@pytest.fixture
async def town(runtime: Runtime) -> Town:
    made = Town(runtime)
    async with runtime.sessions.write() as session:
        area = Area(name="North")
        session.add(area)
        await session.flush()
        southwick, fulwell = ward("E05016391", "Southwick", area.id), ward("E05016377", "Fulwell", area.id)
        session.add_all([southwick, fulwell])
        await session.flush()
        made.southwick, made.fulwell = southwick.id, fulwell.id
    return made


@pytest.fixture
def templates() -> Templates:
    """Templates without a database behind them."""
    return Templates(
        zone=ZoneInfo("Europe/London"),
        council_name="Sunderland City Council",
        globals={"council_address": "City Hall, Plater Way", "public_url": "https://intouch.example", "smallest_count": 5, "bot_name": ""},
    )
