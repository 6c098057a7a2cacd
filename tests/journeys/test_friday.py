"""A Friday with two schedulers and a kill: every subscriber gets one digest."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import sqlalchemy as sa

from intouch.digest.models import Audience, Edition
from intouch.outbox.models import Delivery, State
from intouch.residents.models import Channel, Resident, ResidentStatus, Subscription, Topic, WardSource
from intouch.schedule import reconcile
from tests.journeys.conftest import House, until
from tests.journeys.test_email_only import CITY_SURVEY, FRIDAY
from tests.journeys.test_from_start_to_answering import launches

SUBSCRIBERS = 300

# A sender of its own, which is killed while it sends.
SENDER = """
import asyncio, sys
from intouch import app, settings
from intouch.clock import ShiftedClock
from datetime import datetime

async def main():
    running = app.Application(settings.load(), clock=ShiftedClock(datetime.fromisoformat(sys.argv[1])), parts=("sender",))
    await running.start()
    print("sending", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def _subscribers(house: House) -> None:
    now = house.clock.now()
    async with house.runtime.sessions.write() as session:
        for number in range(SUBSCRIBERS):
            session.add(
                Resident(
                    id=5000 + number,
                    status=ResidentStatus.ACTIVE,
                    ward_id=1 + number % 3,
                    ward_source=WardSource.CHOSEN,
                    email=f"reader{number}@example.org",
                    email_confirmed_at=now,
                    created_at=now,
                )
            )
            session.add(Subscription(resident_id=5000 + number, topic=Topic.DIGEST, channel=Channel.EMAIL, started_at=now))


async def test_two_schedulers_make_one_edition_a_ward(house: House) -> None:
    await _subscribers(house)
    await launches(house, CITY_SURVEY)
    house.clock.set(FRIDAY)
    await asyncio.gather(*(reconcile(house.runtime) for _ in range(2)))
    await reconcile(house.runtime)
    async with house.runtime.sessions.read() as session:
        editions = list(await session.scalars(sa.select(Edition.ward_id).where(Edition.audience == Audience.DIGEST)))
        assert sorted(editions) == [1, 2, 3]
    house.application.worker.nudge()
    await until(lambda: _all_sent(house), what="every digest", timeout=30)
    received = Counter(mail.recipients[0] for mail in house.mailbox.messages)
    assert len(received) == SUBSCRIBERS
    assert set(received.values()) == {1}


async def _all_sent(house: House) -> bool:
    async with house.runtime.sessions.read() as session:
        sent = await session.scalar(sa.select(sa.func.count()).select_from(Delivery).where(Delivery.state == State.SENT))
        return sent == SUBSCRIBERS


async def test_a_sender_killed_in_the_middle_loses_nobody(house: House, tmp_path: Path) -> None:
    await _subscribers(house)
    await launches(house, CITY_SURVEY)
    await house.application.worker.stop()
    house.mailbox.hang(0.02)
    house.clock.set(FRIDAY)
    await reconcile(house.runtime)
    killed = await _start_sender(house)
    try:
        await until(lambda: _some_arrived(house), what="the first digests", timeout=60)
    finally:
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    arrived = len(house.mailbox.messages)
    assert 0 < arrived < SUBSCRIBERS
    house.mailbox.hang(0)
    # Its leases have not run out: that it died is known from its file.
    await house.restart()
    await until(lambda: _all_sent(house), what="every digest", timeout=30)
    received = Counter(mail.recipients[0] for mail in house.mailbox.messages)
    assert len(received) == SUBSCRIBERS
    repeated = [address for address, number in received.items() if number > 1]
    for address in repeated:
        assert len({mail.message_id for mail in house.mailbox.to(address)}) == 1


async def _some_arrived(house: House) -> bool:
    return len(house.mailbox.messages) >= 20


async def _start_sender(house: House) -> "subprocess.Popen[bytes]":
    environment = {
        **os.environ,
        "INTOUCH_DATA_DIR": str(house.settings.data_dir),
        "INTOUCH_DATABASE_URL": house.settings.database,
        "INTOUCH_SMTP_URL": house.settings.smtp_url.get_secret_value(),
        "INTOUCH_SECRET_KEY": "a-key-for-tests",
        "INTOUCH_PUBLIC_URL": house.settings.public_url,
        "INTOUCH_LOG_LEVEL": "error",
    }
    return await asyncio.to_thread(
        subprocess.Popen, [sys.executable, "-c", SENDER, house.clock.now().isoformat()], env=environment, start_new_session=True
    )
