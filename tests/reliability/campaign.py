"""Campaign: a whole edition and many chat messages go out while the senders are killed again and again."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from intouch import app, schedule, settings
from intouch.clock import ShiftedClock
from intouch.demo.telegram import SimulatedTelegram, simulated_telegram
from intouch.outbox import enqueue
from intouch.outbox.models import Delivery, Lane, Road, State
from intouch.outbox.settler import LARGEST_GROUP
from intouch.residents.models import Channel, Resident, ResidentStatus, Subscription, Topic, WardSource
from intouch.runtime import Runtime
from intouch.settings import WEEKDAYS
from intouch.templating import TelegramMessage
from tests.digest import writing
from tests.journeys.conftest import small_council
from tests.reliability.processes import Group, Haste
from tests.reliability.sink import Sink, mail_sink

FIRST_CHAT = 700_000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is sent, how often the senders are killed, and how many of them there are."""

    emails: int
    messages: int
    kills: int
    senders: int
    connections: int = 4
    haste: Haste = field(default_factory=Haste)
    longest_life: float = 3.0  # a group that makes no way is killed after so many seconds all the same
    patience: float = 120.0  # how long the last group, which is not killed, may take


@dataclass
class Figures:
    """What came of it, as a recorder outside the process group saw it and as the database has it."""

    plan: Plan
    database: str
    seconds: float
    states: dict[tuple[str, str], int]
    emails_lost: int
    emails_repeated: int
    other_message_ids: int
    messages_lost: int
    messages_repeated: int
    unknown_arrived: int
    unknown_not_arrived: int
    claimed_not_true: int  # settled as sent, but nobody saw it arrive
    interrupted: int  # kills that struck while something was being sent

    @property
    def most_repeats(self) -> int:
        """What may be under way on the wire or waiting for its commit when a group is killed."""
        return self.plan.kills * self.plan.senders * (self.plan.connections + LARGEST_GROUP)

    def check(self) -> None:
        assert self.emails_lost == 0, self
        assert self.claimed_not_true == 0, self
        assert self.messages_lost == 0, self
        assert self.messages_repeated == 0, self
        assert self.other_message_ids == 0, self
        assert self.emails_repeated <= self.most_repeats, self
        assert set(self.states) <= {("email", "sent"), ("telegram", "sent"), ("telegram", "unknown")}, self


async def run(plan: Plan, database_url: str, folder: Path) -> Figures:
    """The whole campaign on an upgraded, empty database."""
    async with mail_sink() as sink, simulated_telegram() as telegram:
        telegram.enforce_limits()
        for number in range(plan.messages):
            telegram.person(FIRST_CHAT + number, has_started=True)
        overrides = _settings(plan, database_url, folder, sink, telegram)
        async with _opened(overrides) as runtime:
            await fill(runtime, plan)
            began = time.monotonic()
            world = _World(plan, sink, telegram)
            interrupted = await _kill_again_and_again(plan, world, overrides, folder)
            await _finish(plan, runtime, overrides, folder)
            return await _figures(plan, runtime, world, seconds=time.monotonic() - began, interrupted=interrupted)


def _settings(plan: Plan, database_url: str, folder: Path, sink: Sink, telegram: SimulatedTelegram) -> dict[str, Any]:
    due = datetime.now(UTC) - timedelta(minutes=30)
    return {
        "data_dir": folder / "data",
        "epoch_file": folder / "epoch.json",
        "database_url": database_url,
        "secret_key": "a-key-for-tests",
        "timezone": "UTC",
        "digest_at": f"{WEEKDAYS[due.weekday()]} {due:%H:%M}",
        "telegram_token": telegram.token,
        "telegram_api_url": telegram.url,
        "telegram_bot_name": "council_bot",
        "smtp_url": sink.url(plan.connections),
        "log_level": "error",
    }


@asynccontextmanager
async def _opened(overrides: dict[str, Any]) -> AsyncIterator[Runtime]:
    runtime = app.build_runtime(settings.load(**overrides), ShiftedClock())
    try:
        yield runtime
    finally:
        await runtime.sessions.close()


async def fill(runtime: Runtime, plan: Plan) -> None:
    """An edition that is due, its readers, and a bulk of chat messages, all put in as the application would."""
    now = datetime.now(UTC)
    async with runtime.sessions.write() as session:
        await small_council(session, now)
    await writing.notice(runtime, "Road closed", on=now.date() + timedelta(days=1), ward_id=None, created_at=now - timedelta(days=1))
    assert isinstance(runtime.clock, ShiftedClock)
    runtime.clock.set(now - timedelta(days=3))
    await schedule.reconcile(runtime)  # In Touch begins to count its weeks
    runtime.clock.set(now)
    await _readers(runtime, plan.emails, now)
    assert (await schedule.reconcile(runtime))["digests"] == plan.emails
    message = TelegramMessage("A new question for you").to_json()
    async with runtime.sessions.write() as session:
        drafts = [
            enqueue.Draft(
                key=f"campaign:{number}",
                kind="message",
                road=Road.TELEGRAM,
                lane=Lane.BULK,
                address=str(FIRST_CHAT + number),
                payload=message,
                due_at=now,
            )
            for number in range(plan.messages)
        ]
        await enqueue.enqueue_many(session, drafts)


async def _readers(runtime: Runtime, number: int, now: datetime) -> None:
    residents = [
        {
            "id": 5000 + one,
            "status": ResidentStatus.ACTIVE,
            "ward_id": 1 + one % 3,
            "ward_source": WardSource.CHOSEN,
            "email": f"reader{one}@example.org",
            "email_confirmed_at": now,
            "created_at": now,
        }
        for one in range(number)
    ]
    subscriptions = [
        {"resident_id": one["id"], "topic": Topic.DIGEST, "channel": Channel.EMAIL, "started_at": now - timedelta(days=2)}
        for one in residents
    ]
    async with runtime.sessions.write() as session:
        await session.execute(sa.insert(Resident), residents)
        await session.execute(sa.insert(Subscription), subscriptions)


class _World:
    """What has arrived outside the process group."""

    def __init__(self, plan: Plan, sink: Sink, telegram: SimulatedTelegram) -> None:
        self._plan = plan
        self.sink = sink
        self.telegram = telegram

    @property
    def heard(self) -> Counter[str]:
        """How often each chat heard from the bot."""
        return Counter(str(message.chat_id) for message in self.telegram.messages)

    @property
    def arrived(self) -> int:
        return len(self.sink.taken) + self.telegram.world.revision

    @property
    def share(self) -> float:
        """How much of both kinds has arrived, between 0 and 1: email is so much faster that it must not decide alone."""
        emails = min(1.0, len(self.sink.taken) / max(1, self._plan.emails))
        return (emails + min(1.0, self.telegram.world.revision / max(1, self._plan.messages))) / 2


async def _kill_again_and_again(plan: Plan, world: _World, overrides: dict[str, Any], folder: Path) -> int:
    """Kills spread over the whole of the work; how many of them struck while something was being sent."""
    interrupted = 0
    for kill in range(plan.kills):
        group = Group(overrides, ("sender",), folder / "senders.log", plan.senders, plan.haste)
        group.start()
        before = world.arrived
        if random.random() < 0.8:  # the others are killed at any moment, while they start too
            await _until(lambda: world.arrived > before, plan.longest_life, group)  # noqa: B023 - called in this round only
        share = world.share
        enough = share + random.uniform(0, 2) * max(0.0, 0.97 - share) / (plan.kills - kill)
        await _until(lambda: world.share >= enough, random.uniform(0.1, plan.longest_life), group)  # noqa: B023
        await asyncio.sleep(random.uniform(0, 0.02))
        await group.kill()
        interrupted += world.arrived > before
    return interrupted


async def _until(holds: Callable[[], bool], seconds: float, group: Group) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not holds():
        assert group.is_alive, group.last_words()
        await asyncio.sleep(0.005)


async def _finish(plan: Plan, runtime: Runtime, overrides: dict[str, Any], folder: Path) -> None:
    group = Group(overrides, ("sender",), folder / "senders.log", plan.senders, plan.haste)
    group.start()
    waiting = sa.select(sa.func.count()).where(Delivery.state.in_([State.QUEUED, State.SENDING]))
    try:
        async with asyncio.timeout(plan.patience):
            while await _scalar(runtime, waiting):
                assert group.is_alive, group.last_words()
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"still waiting: {await _scalar(runtime, waiting)}\n{group.last_words()}") from None
    finally:
        await group.kill()


async def _scalar(runtime: Runtime, statement: sa.Select[int]) -> int:
    async with runtime.sessions.read() as session:
        return await session.scalar(statement) or 0


async def _figures(plan: Plan, runtime: Runtime, world: _World, *, seconds: float, interrupted: int) -> Figures:
    async with runtime.sessions.read() as session:
        rows = (await session.execute(sa.select(Delivery.road, Delivery.state, Delivery.address))).all()
    arrived, heard = Counter(address for address, _ in world.sink.taken), world.heard
    emails = [row for row in rows if row.road is Road.EMAIL]
    messages = [row for row in rows if row.road is Road.TELEGRAM]
    unknown = {row.address for row in messages if row.state is State.UNKNOWN}
    return Figures(
        plan=plan,
        database="SQLite" if runtime.sessions.is_sqlite else "PostgreSQL",
        seconds=seconds,
        states=dict(Counter((row.road.value, row.state.value) for row in rows)),
        emails_lost=len({row.address for row in emails} - set(arrived)) + plan.emails - len(emails),
        emails_repeated=arrived.total() - len(arrived),
        other_message_ids=len(set(world.sink.taken)) - len(arrived),
        messages_lost=len({row.address for row in messages} - set(heard) - unknown) + plan.messages - len(messages),
        messages_repeated=heard.total() - len(heard),
        unknown_arrived=len(unknown & set(heard)),
        unknown_not_arrived=len(unknown - set(heard)),
        claimed_not_true=sum(row.state is State.SENT and row.address not in arrived and row.address not in heard for row in rows),
        interrupted=interrupted,
    )
