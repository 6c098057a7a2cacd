"""Fixtures for surveys: three wards in two areas, the cast, and a plan to launch."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.places.models import Area, Ward
from intouch.residents.models import Channel, Resident, ResidentStatus, Subscription, Topic
from intouch.runtime import Runtime
from intouch.surveys.models import QuestionType
from intouch.surveys.plan import QuestionPlan, SurveyPlan

SOUTHWICK, FULWELL, ROKER = "E05016391", "E05016377", "E05016389"


@dataclass
class Town:
    """The wards and areas, and a way to let people sign up."""

    runtime: Runtime
    now: datetime
    wards: dict[str, int] = field(default_factory=dict)
    areas: dict[str, int] = field(default_factory=dict)
    people: int = 0

    async def resident(
        self,
        session: AsyncSession,
        ward: str = SOUTHWICK,
        *,
        channel: Channel = Channel.TELEGRAM,
        topics: tuple[Topic, ...] = (Topic.SURVEYS,),
        status: ResidentStatus = ResidentStatus.ACTIVE,
    ) -> Resident:
        self.people += 1
        who = Resident(
            status=status,
            telegram_id=1000 + self.people if channel is Channel.TELEGRAM else None,
            email=f"resident{self.people}@example.org" if channel is Channel.EMAIL else None,
            email_confirmed_at=self.now if channel is Channel.EMAIL else None,
            first_name="Alice",
            ward_id=self.wards[ward],
            created_at=self.now,
            joined_at=self.now,
        )
        session.add(who)
        await session.flush()
        session.add_all(Subscription(resident_id=who.id, topic=topic, channel=channel, started_at=self.now) for topic in topics)
        await session.flush()
        return who


@pytest.fixture
async def town(runtime: Runtime, now: datetime) -> Town:
    made = Town(runtime, now)
    async with runtime.sessions.write() as session:
        for name in ("North", "Coast"):
            area = Area(name=name)
            session.add(area)
            await session.flush()
            made.areas[name] = area.id
        for code, name, area_name in ((SOUTHWICK, "Southwick", "North"), (FULWELL, "Fulwell", "North"), (ROKER, "Roker", "Coast")):
            ward = Ward(code=code, name=name, area_id=made.areas[area_name], valid_from=date(2026, 5, 7))
            session.add(ward)
            await session.flush()
            made.wards[code] = ward.id
    return made


@pytest.fixture
def plan(now: datetime) -> SurveyPlan:
    return SurveyPlan(
        title="Bins in Southwick",
        why="The council may change collection days.",
        closes_at=now + timedelta(days=7),
        questions=(
            QuestionPlan("Should bins be emptied on Mondays?", QuestionType.SINGLE, ("Yes, Mondays", "No, keep Fridays")),
            QuestionPlan("What goes into your bin?", QuestionType.MULTIPLE, ("Paper", "Glass", "Food")),
            QuestionPlan("How clean is your street?", QuestionType.SCALE),
            QuestionPlan("What else should we know?", QuestionType.TEXT),
        ),
    )
