"""All of In Touch is killed while residents sign up and answer: what was acknowledged is stored, and everybody gets a way on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from intouch import app, settings
from intouch.demo.telegram import SimulatedTelegram, simulated_telegram
from intouch.demo.telegram.person import Person
from intouch.demo.telegram.world import Message
from intouch.residents.models import Resident, ResidentStatus
from intouch.runtime import Runtime
from intouch.surveys import file, launch
from intouch.surveys.models import Answer, Option, Response
from tests.journeys.conftest import free_port, small_council
from tests.reliability.processes import Group

PEOPLE, KILLS = 8, 2
AGREES, DECLINES = "Yes, I agree", "No, thank you"
SURVEY = """
title = "Parks"
why = "We plan next year's planting."
closes = {closes:%Y-%m-%dT%H:%M:%S}
[[questions]]
text = "Do you use your nearest park?"
type = "single"
options = ["Yes", "No"]
"""


@asynccontextmanager
async def council(database_url: str, folder: Path, telegram: SimulatedTelegram) -> AsyncIterator[tuple[Runtime, Group]]:
    """A council, and In Touch in a process that is not running yet."""
    address = f"127.0.0.1:{free_port()}"
    overrides = {
        "data_dir": folder / "data",
        "epoch_file": folder / "epoch.json",
        "database_url": database_url,
        "secret_key": "a-key-for-tests",
        "telegram_token": telegram.token,
        "telegram_api_url": telegram.url,
        "telegram_bot_name": "council_bot",
        "public_url": f"http://{address}",
        "listen": address,
    }
    runtime = app.build_runtime(settings.load(**overrides))
    async with runtime.sessions.write() as session:
        await small_council(session, runtime.now())
    yield runtime, Group(overrides, app.PARTS, folder / "intouch.log")
    await runtime.sessions.close()


async def signs_up(person: Person) -> None:
    """Somebody who goes on from whatever the bot said last, and says /start when it says nothing."""
    await person.sends("/start")
    while "you are signed up" not in (said := await _anything(person, or_else="/start")).text.lower():
        label = next((label for label in (AGREES, DECLINES) if label in said.buttons), None)
        if label:
            person.starts_tap(said.data_of(label), message=said)
        else:
            await person.sends("SR5 2AA")


async def answers(person: Person, choice: str) -> None:
    """Somebody who taps an answer as soon as there is one to tap, and asks for the survey when nothing comes."""
    while "are stored" not in (said := await _anything(person, or_else="/survey")).text:
        if choice in said.buttons:
            person.starts_tap(said.data_of(choice), message=said)
        else:
            await person.sends("/survey")


async def _anything(person: Person, *, or_else: str) -> Message:
    while True:
        try:
            return await person.expects("", timeout=3)
        except AssertionError:
            await person.sends(or_else)


async def while_it_is_killed(group: Group, telegram: SimulatedTelegram, doing: list[Coroutine[Any, Any, None]]) -> None:
    """Let people do what they do while In Touch is killed and started again; the last start stays up until they are done."""
    people = asyncio.gather(*doing)
    try:
        for _ in range(KILLS):
            before = telegram.world.revision
            group.start()
            await _until(lambda: telegram.world.revision > before + PEOPLE or people.done(), group)  # noqa: B023
            await asyncio.sleep(random.uniform(0, 0.5))
            await group.kill()
        group.start()
        async with asyncio.timeout(60):
            await people
    finally:
        people.cancel()
        await group.kill()


async def _until(holds: Callable[[], bool], group: Group) -> None:
    async with asyncio.timeout(30):
        while not holds():
            assert group.is_alive, group.last_words()
            await asyncio.sleep(0.01)


@pytest.mark.slow
async def test_nobody_is_left_without_an_answer_and_no_answer_is_lost(database_url: str, tmp_path: Path) -> None:
    async with simulated_telegram() as telegram, council(database_url, tmp_path, telegram) as (runtime, group):
        people = [telegram.person(9000 + number, f"P{number}") for number in range(PEOPLE)]
        await while_it_is_killed(group, telegram, [signs_up(person) for person in people])
        async with runtime.sessions.read() as session:
            residents = list(await session.scalars(sa.select(Resident)))
        assert sorted(resident.telegram_id or 0 for resident in residents) == [person.id for person in people]
        assert {resident.status for resident in residents} == {ResidentStatus.ACTIVE}

        await _launch(runtime)
        chosen = {person.id: random.choice(["Yes", "No"]) for person in people}
        await while_it_is_killed(group, telegram, [answers(person, chosen[person.id]) for person in people])
        assert await _answered(runtime) == chosen


@pytest.mark.slow
async def test_a_kill_loses_nobody_of_those_whom_the_bot_api_has_forgotten_already(database_url: str, tmp_path: Path) -> None:
    """Where it is far, it may forget what is written down and not done yet."""
    async with simulated_telegram() as telegram, council(database_url, tmp_path, telegram) as (_, group):
        telegram.slow(0.03)
        people = [telegram.person(9000 + number, f"P{number}") for number in range(350)]
        for person in people:
            await person.sends("/start")
        for _ in range(3):
            before = len(telegram.updates.pending)
            group.start()
            await _until(lambda: len(telegram.updates.pending) < before, group)  # noqa: B023
            await asyncio.sleep(random.uniform(0, 0.05))
            await group.kill()
        group.start()
        try:
            for person in people:
                await person.expects("Who sees it", timeout=30)
        finally:
            await group.kill()


async def _launch(runtime: Runtime) -> None:
    now = datetime.now(UTC)
    async with runtime.sessions.write() as session:
        text = SURVEY.format(closes=now + timedelta(days=7))
        survey = await launch.create(session, file.read_survey(text, filename="parks.toml", zone=runtime.settings.zone), now=now)
        assert await launch.launch(session, survey.id, now=now) == PEOPLE


async def _answered(runtime: Runtime) -> dict[int, str]:
    """By chat, what each person chose; fails when anybody is there twice."""
    query = (
        sa.select(Resident.telegram_id, Option.text)
        .join(Response, Response.resident_id == Resident.id)
        .join(Answer, Answer.response_id == Response.id)
        .join(Option, Option.id == Answer.choice)
    )
    async with runtime.sessions.read() as session:
        rows = (await session.execute(query)).all()
    assert len({row.telegram_id for row in rows}) == len(rows)
    return {row.telegram_id: row.text for row in rows}
