"""A council for benchmarks: 25 wards with notices, an open survey, and as many subscribers of the digest as wanted."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime, timedelta

import sqlalchemy as sa

from intouch import logs, schedule
from intouch.council.models import Notice
from intouch.digest.models import Audience, EditionStart
from intouch.places.models import Ward
from intouch.residents.models import Channel, Resident, ResidentStatus, Subscription, Topic
from intouch.runtime import Runtime, build_runtime
from intouch.settings import Settings, load
from intouch.storage import upgrade
from intouch.storage.inserting import insert_ignoring
from intouch.surveys.models import Option, Question, QuestionType, Survey, SurveyStatus

WARDS = 25
NAMES = ("Grace", "Alice", "Bob", "Zoë", "O'Brien", "Łukasz", "María José", "李娜", "Олена", "محمد")
_PEOPLE_AT_ONCE = 5000


def settings(database_url: str, smtp_url: str, due: datetime) -> Settings:
    """Of a council whose digest falls due at ``due``."""
    return load(
        database_url=database_url,
        smtp_url=smtp_url,
        email_from="In Touch <news@council.example>",
        public_url="https://intouch.council.example",
        timezone="UTC",
        digest_at=f"{due:%a %H:%M}".lower(),
        secret_key="a key for benchmarks",
        log_level="warning",
    )


async def found(database_url: str, people: int, due: datetime) -> None:
    """A new council whose digest is due and not published yet."""
    runtime = build_runtime(settings(database_url, "", due))
    await upgrade.upgrade(runtime.sessions.engine)
    await _write_news(runtime, due)
    for first in range(0, people, _PEOPLE_AT_ONCE):
        await _write_people(runtime, range(first, min(people, first + _PEOPLE_AT_ONCE)), due)
    await runtime.sessions.close()


async def _write_news(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        session.add_all(EditionStart(audience=audience, started_at=now - timedelta(days=30)) for audience in Audience)
        session.add_all(
            Ward(code=f"E050163{number:02}", name=f"Ward {number}", valid_from=(now - timedelta(days=900)).date())
            for number in range(WARDS)
        )
        session.add_all(
            Notice(
                kind="roadworks",
                title=f"Street {number} closed for resurfacing from Church Bank to the Green",
                text="Buses 2 and 20 stop at the Green instead. People who live there can pass on foot at all times. " * 3,
                url=f"https://council.example/roadworks/{number}",
                starts_on=(now + timedelta(days=1)).date(),
                created_at=now - timedelta(days=1),
            )
            for number in range(8)
        )
        moments = {"opens_at": now - timedelta(days=1), "closes_at": now + timedelta(days=9), "launched_at": now - timedelta(days=1)}
        survey = Survey(
            status=SurveyStatus.OPEN, title="Bin days", why="They may change.", ward_codes=[], created_at=now - timedelta(days=2), **moments
        )
        session.add(survey)
        await session.flush()
        question = Question(survey_id=survey.id, position=1, text="Which day suits you best?", type=QuestionType.SINGLE)
        session.add(question)
        await session.flush()
        session.add_all(
            Option(question_id=question.id, position=at, text=text) for at, text in enumerate(("Monday", "Tuesday", "Friday", "Any"), 1)
        )


async def _write_people(runtime: Runtime, numbers: range, now: datetime) -> None:
    joined = now - timedelta(days=60)
    people = [
        {
            "id": number + 1,
            "status": ResidentStatus.ACTIVE,
            "first_name": NAMES[number % len(NAMES)],
            "ward_id": number % WARDS + 1,
            "email": f"resident{number}@mail.example",
            "email_confirmed_at": joined,
            "created_at": joined,
            "joined_at": joined,
        }
        for number in numbers
    ]
    topics = [{"resident_id": number + 1, "topic": Topic.DIGEST, "channel": Channel.EMAIL, "started_at": joined} for number in numbers]
    async with runtime.sessions.write() as session:
        await insert_ignoring(session, Resident, people)
        await insert_ignoring(session, Subscription, topics)


async def states(runtime: Runtime) -> dict[str, int]:
    """How many deliveries are in each state."""
    async with runtime.sessions.read() as session:
        return {row[0]: row[1] for row in await session.execute(sa.text("SELECT state, count(*) FROM deliveries GROUP BY state"))}


async def publish(database_url: str, due: datetime) -> None:
    """Let the tick come: editions and deliveries are there, and nothing is sent yet."""
    runtime = build_runtime(settings(database_url, "", due))
    await schedule.reconcile(runtime)
    await runtime.sessions.close()


if __name__ == "__main__":
    logs.configure("warning")
    url, number, moment, *more = sys.argv[1:]
    asyncio.run(found(url, int(number), datetime.fromisoformat(moment)))
    if more == ["publish"]:
        asyncio.run(publish(url, datetime.fromisoformat(moment)))
