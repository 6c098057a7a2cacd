"""In Touch's bot as the benchmarks run it: a council with one survey and many residents, by polling or by webhook."""

from __future__ import annotations

import argparse
import asyncio
import signal
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
import uvloop
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import app, logs
from intouch import settings as settings_module
from intouch.cli import rooms
from intouch.places.models import Ward
from intouch.residents.models import Channel, Resident, ResidentStatus, Subscription, Topic
from intouch.runtime import Runtime
from intouch.storage import revision
from intouch.surveys import launch
from intouch.surveys.models import Option, Question, QuestionType
from intouch.surveys.plan import QuestionPlan, SurveyPlan

WARDS = 25
AT_ONCE = 5000  # so that getting ready takes no more memory for many than for few
ASKED = QuestionPlan("How often do you use the library?", QuestionType.SINGLE, ("Every week", "Every month", "Once a year", "Never"))


async def _sign_up(session: AsyncSession, people: int, now: datetime, *, invites: bool) -> None:
    """Wards, and residents spread over them; subscribed to surveys where they are to be invited."""
    for number in range(WARDS):
        session.add(
            Ward(
                code=f"E0501{number:04}",
                name=f"Ward {number}",
                boundary=[],
                west=0,
                south=0,
                east=0,
                north=0,
                valid_from=date(2020, 1, 1),
            )
        )
    await session.flush()
    wards = list(await session.scalars(sa.select(Ward.id)))
    for first in range(1, people + 1, AT_ONCE):
        numbers = range(first, min(people + 1, first + AT_ONCE))
        await session.execute(sa.insert(Resident), [_person(number, wards[number % WARDS], now) for number in numbers])
    if invites:
        held = (sa.literal(value) for value in (Topic.SURVEYS, Channel.TELEGRAM))
        chosen = sa.select(Resident.id, *held, sa.literal(now, Subscription.started_at.type))
        await session.execute(sa.insert(Subscription).from_select(["resident_id", "topic", "channel", "started_at"], chosen))


def _person(number: int, ward_id: int, now: datetime) -> dict[str, object]:
    moments = {"consented_at": now, "created_at": now, "joined_at": now}
    return {"id": number, "status": ResidentStatus.ACTIVE, "telegram_id": number, "first_name": "Alice", "ward_id": ward_id, **moments}


async def prepare(runtime: Runtime, people: int, *, invites: bool = False) -> str:
    """Wards, residents and an open survey; the callback data of its first answer."""
    now = datetime.now(UTC)
    async with runtime.sessions.write() as session:
        await _sign_up(session, people, now, invites=invites)
        plan = SurveyPlan(
            title="The library", why="We plan its hours.", questions=(ASKED,), closes_at=now + timedelta(days=7), file_hash="x"
        )
        survey = await launch.create(session, plan, now=now)
        await launch.launch(session, survey.id, now=now)
        question = await session.scalar(sa.select(Question.id).where(Question.survey_id == survey.id))
        option = await session.scalar(sa.select(Option.id).where(Option.question_id == question))
    return f"survey:pick:{question}:{option}"


async def run(api: str, people: int, webhook: str, database: str) -> None:
    rooms.opened(rooms.ROOMS[0])  # the process is set up as by `intouch run`
    logs.configure("warning")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with tempfile.TemporaryDirectory() as folder:
        hooked = {"telegram_webhook": "a-secret-for-benchmarks", "public_url": webhook, "listen": webhook.partition("//")[2]}
        settings = settings_module.load(
            data_dir=Path(folder),
            database_url=database,
            secret_key="a-key-for-benchmarks",
            telegram_token="123456:a-token-for-benchmarks",
            telegram_api_url=api,
            **(hooked if webhook else {}),
        )
        parts = ("bot", "web") if webhook else ("bot",)
        application = app.Application(settings, parts=parts)
        await revision.make_ready(application.runtime.sessions.engine)
        data = await prepare(application.runtime, people)
        await application.start()
        print(data, flush=True)
        await stop.wait()
        await application.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("api")
    parser.add_argument("people", type=int)
    parser.add_argument("--webhook", default="")
    parser.add_argument("--database", default="")
    uvloop.run(run(**vars(parser.parse_args())))
