"""The worker: what it sends, in which order, and what does not stop it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from email import message_from_bytes
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import app
from intouch.channels import mime, outcomes
from intouch.channels.outcomes import Envelope, Heard, Outcome
from intouch.channels.smtp import SmtpChannel
from intouch.channels.telegram import TelegramChannel
from intouch.clock import ShiftedClock
from intouch.letters import Letter
from intouch.outbox import addresses
from intouch.outbox.beginning import Beginnings
from intouch.outbox.enqueue import Draft
from intouch.outbox.habits import Habits
from intouch.outbox.models import Lane, Road, State
from intouch.outbox.parcel import Parcel
from intouch.outbox.rendering import Encoded, Rendered, Unwanted
from intouch.outbox.settling import Follow
from intouch.outbox.worker import Worker
from intouch.runtime import Runtime
from intouch.settings import load
from intouch.smtp_address import SmtpAddress
from intouch.storage.sessions import Sessions
from tests.channels.scripted_bot_api import error
from tests.channels.scripted_smtp import ScriptedSmtp, serving
from tests.channels.test_telegram import bot_on
from tests.outbox.outboxes import RecordingChannel, draft, queue, rows, states, until, worker
from tests.outbox.test_claiming import claim, claim_of


@asynccontextmanager
async def running(*workers: Worker) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one.run()) for one in workers]
    try:
        yield
    finally:
        await asyncio.gather(*(one.stop(within=20) for one in workers))
        await asyncio.gather(*tasks)


async def test_everything_due_is_sent_once_and_settled(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now) for number in range(60)), draft(99, now + timedelta(hours=1)))
    channel = RecordingChannel()
    async with running(worker(runtime, channel)):
        await until(lambda: len(channel.sent) == 60)
    assert sorted(channel.sent, key=int) == [str(number) for number in range(60)]
    assert await states(runtime) == [State.SENT] * 60 + [State.QUEUED]
    assert (await rows(runtime))[0].provider_id == f"p{(await rows(runtime))[0].id}"
    assert channel.is_closed


async def test_send_due_sends_what_is_due_and_says_how_many(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now) for number in range(25)))
    one = worker(runtime, RecordingChannel())
    assert await one.send_due() == {"sent": 25}
    assert await one.send_due() == {}


async def test_two_workers_never_send_the_same_delivery(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now) for number in range(300)))
    channels = [RecordingChannel(slow=0.0005) for _ in range(3)]
    async with running(*(worker(runtime, channel) for channel in channels)):
        await until(lambda: sum(len(channel.sent) for channel in channels) >= 300)
    everything = [address for channel in channels for address in channel.sent]
    assert len(everything) == len(set(everything)) == 300
    assert set(await states(runtime)) == {State.SENT}


async def test_a_reply_does_not_wait_behind_notices_that_the_bot_api_has_stopped(runtime: Runtime, now: datetime) -> None:
    """More of them than a sender takes at once, for as long as the Bot API asked."""
    async with bot_on(error(429, "Too Many Requests", retry_after=10_800)) as (bot, api):
        await queue(runtime, *(draft(number, now, lane=Lane.NOTICE, batch=None) for number in range(1, 61)))
        async with running(one := worker(runtime, TelegramChannel(bot))):
            await until(lambda: bool(api.heard) and len(one._flights) > 30)  # no room for ten more
            await queue(runtime, draft(99, now, lane=Lane.REPLY, batch=None))
            await until(lambda: any(call["chat_id"] == 99 for call in api.heard), 5)


async def test_a_notice_does_not_wait_behind_bulk(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now) for number in range(100)))
    channel = RecordingChannel(slow=0.5)  # so slow that a busy machine has time to see the notice
    async with running(worker(runtime, channel)):
        await until(lambda: len(channel.sent) > 3)
        await queue(runtime, draft(1000, now, lane=Lane.NOTICE))
        sent_before = len(channel.sent)
        await until(lambda: "1000" in channel.sent)
        assert channel.sent.index("1000") - sent_before < 40


async def test_a_nudge_is_heard_at_once(runtime: Runtime, now: datetime) -> None:
    channel = RecordingChannel()
    one = worker(runtime, channel, habits=Habits(poll=60))
    async with running(one):
        await asyncio.sleep(0.2)
        await queue(runtime, draft(1, now))
        one.nudge()
        await until(lambda: channel.sent == ["1"])
    assert await states(runtime) == [State.SENT]


async def test_work_of_a_worker_that_died_is_taken_over_when_its_lease_runs_out(
    runtime: Runtime, clock: ShiftedClock, now: datetime
) -> None:
    await queue(runtime, draft(1, now), draft(2, now, kind="harmless"), draft(3, now))
    await claim(runtime, claim_of("a worker that died"), now)
    begin = Beginnings(runtime.sessions, clock, "a worker that died").begin
    assert await begin(1) and await begin(2)  # the third waited for its turn
    channel = RecordingChannel()
    one = worker(runtime, channel, habits=Habits(poll=0.02, sweep_every=0.05, harmless={"harmless"}), renderers={"harmless": render_hello})
    async with running(one):
        await asyncio.sleep(0.3)
        assert channel.sent == []
        clock.set(now + timedelta(minutes=1))
        await until(lambda: sorted(channel.sent) == ["2", "3"])
    assert await states(runtime) == [State.UNKNOWN, State.SENT, State.SENT]


async def test_a_worker_keeps_its_leases_while_a_slow_call_lasts(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now))
    slow, other = RecordingChannel(slow=4.0), RecordingChannel()
    habits = Habits(lease=timedelta(seconds=1.8), poll=0.02, sweep_every=0.05, harmless={"message"})
    async with running(worker(runtime, slow, habits=habits)):
        await until(lambda: slow.sent == ["1"])
        async with running(worker(runtime, other, habits=habits)), asyncio.timeout(20):
            while set(await states(runtime)) != {State.SENT}:
                await asyncio.sleep(0.1)
    assert (slow.sent, other.sent) == (["1"], [])
    assert await states(runtime) == [State.SENT]


async def render_hello(_session: AsyncSession, deliveries: Sequence[Parcel]) -> Mapping[int, Rendered]:
    from intouch.templating import TelegramMessage

    return {delivery.id: TelegramMessage("Hello") for delivery in deliveries}


async def test_a_delivery_that_cannot_be_rendered_fails_alone_and_its_error_tells_nothing(runtime: Runtime, now: datetime) -> None:
    async def render(session: AsyncSession, deliveries: Sequence[Parcel]) -> Mapping[int, Rendered]:
        rendered = dict(await render_hello(session, deliveries))
        for delivery in deliveries:
            if delivery.address == "2":
                await session.execute(sa.text("SELECT no_such_column FROM leases"))
            if delivery.address == "3":
                del rendered[delivery.id]
            if delivery.address == "4":
                rendered[delivery.id] = Unwanted("the survey has closed")
            if delivery.address == "5":
                rendered[delivery.id] = Encoded(b"an email")
            if delivery.address == "7":
                raise ValueError("what somebody wrote")
        return rendered

    await queue(runtime, *(draft(number, now, kind="fragile") for number in range(1, 8)), draft(8, now, kind="nobody's"))
    channel = RecordingChannel()
    await worker(runtime, channel, renderers={"fragile": render}).send_due()
    assert channel.sent == ["1", "6"]
    found = await rows(runtime)
    assert [row.state for row in found] == [
        State.SENT,
        State.FAILED,
        State.FAILED,
        State.CANCELLED,
        State.FAILED,
        State.SENT,
        State.FAILED,
        State.FAILED,
    ]
    assert found[3].error == "the survey has closed"
    assert found[6].error == "rendering failed (ValueError)"
    assert found[7].error == "nobody renders the kind nobody's"


async def test_a_channel_with_a_fault_leaves_nothing_in_flight(runtime: Runtime, now: datetime) -> None:
    class Broken(RecordingChannel):
        async def send_batch(self, envelopes: Sequence[Envelope], heard: Heard) -> None:
            heard(envelopes[0].number, outcomes.sent("1"))
            raise RuntimeError("a bug")

    await queue(runtime, draft(1, now), draft(2, now))
    await worker(runtime, Broken()).send_due()
    assert await states(runtime) == [State.SENT, State.UNKNOWN]


async def test_a_dead_address_is_told_and_a_fault_in_telling_harms_no_neighbour(runtime: Runtime, now: datetime) -> None:
    async def on_dead(_session: AsyncSession, _road: Road, _address: str, _reason: str, _now: datetime) -> None:
        raise RuntimeError("a bug")

    def answer(envelope: Envelope) -> Outcome:
        return outcomes.dead("Forbidden") if envelope.address == "2" else outcomes.sent("1")

    await queue(runtime, *(draft(number, now) for number in (1, 2, 3)))
    await worker(runtime, RecordingChannel(answer), follow=Follow(on_dead)).send_due()
    assert await states(runtime) == [State.SENT, State.FAILED, State.SENT]
    async with runtime.sessions.read() as session:
        assert await addresses.is_dead(session, Road.TELEGRAM, "2")


class ShakySessions(Sessions):
    """A database that is full or locked for the next ``faults`` writes."""

    faults = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        if self.faults > 0:
            self.faults -= 1
            raise sa.exc.OperationalError("UPDATE", {}, Exception("database or disk is full"))
        async with super().turn():
            yield


async def test_a_full_or_locked_database_is_waited_for_and_nothing_is_lost_or_doubled(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now) for number in range(30)))
    shaky = ShakySessions(runtime.sessions.engine)
    runtime = Runtime(runtime.settings, shaky, runtime.templates, runtime.links, runtime.clock)
    channel = RecordingChannel(slow=0.01)
    shaky.faults = 1
    async with running(worker(runtime, channel)):
        for _ in range(3):
            await asyncio.sleep(0.15)
            shaky.faults = 2
        await until(lambda: len(channel.sent) >= 30)
    await shaky.close()
    assert sorted(channel.sent, key=int) == [str(number) for number in range(30)]
    assert set(await states(runtime)) == {State.SENT}


async def test_stopping_finishes_what_is_under_way_and_gives_the_rest_back_untried(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now) for number in range(100)))
    channel = RecordingChannel(slow=0.05)
    one = worker(runtime, channel)
    task = asyncio.create_task(one.run())
    await until(lambda: len(channel.sent) >= 3)
    await one.stop(within=20)
    await task
    found = await rows(runtime)
    assert {row.state for row in found} == {State.SENT, State.QUEUED}
    assert sum(row.state is State.SENT for row in found) == len(channel.sent)
    assert {(row.state is State.SENT, row.tries, row.leased_by) for row in found} == {(True, 1, None), (False, 0, None)}


async def test_stopping_does_not_wait_for_a_server_that_hangs(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now))
    channel = RecordingChannel(slow=3600)
    one = worker(runtime, channel)
    task = asyncio.create_task(one.run())
    await until(lambda: len(channel.sent) == 1)
    async with asyncio.timeout(30):
        await one.stop(within=0.2)
        await task
    assert await states(runtime) == [State.SENDING]  # nobody knows; the sweep says so when the lease runs out


async def test_a_staging_system_writes_to_nobody_else(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, draft(1, now), draft(2, now))
    channel = RecordingChannel()
    await worker(runtime, channel, may_send_to=lambda address: address == "2").send_due()
    assert channel.sent == ["2"]
    assert await states(runtime) == [State.CANCELLED, State.SENT]


async def render_letters(_session: AsyncSession, deliveries: Sequence[Parcel]) -> Mapping[int, Rendered]:
    return {delivery.id: Letter("Your ward", "<p>Hello</p>", "Hello\n") for delivery in deliveries}


def email(number: int, now: datetime) -> Draft:
    return draft(number, now, road=Road.EMAIL, kind="letter", address=f"r{number}@roker.example")


async def test_a_mail_server_that_is_down_for_a_while_costs_nobody_a_try(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(email(number, now) for number in range(50)))
    async with serving(ScriptedSmtp({"greeting": ["421 not now", "421 not now"]})) as server:
        channel = SmtpChannel(SmtpAddress(server.url), email_from="In Touch <news@council.example>")
        async with running(worker(runtime, channel, road=Road.EMAIL, renderers={"letter": render_letters})):
            await until(lambda: len(server.taken) == 50)
    found = await rows(runtime)
    assert {row.state for row in found} == {State.SENT}
    assert {row.tries for row in found} == {1}
    message = next(message for address, message in server.taken if address == "r0@roker.example")
    assert f"Message-ID: {mime.message_id(found[0].key, 'news@council.example')}".encode() in message


async def test_a_recipient_put_off_is_tried_again_later_under_the_same_message_id(
    runtime: Runtime, clock: ShiftedClock, now: datetime
) -> None:
    await queue(runtime, email(1, now))
    async with serving(ScriptedSmtp({"RCPT": ["450 4.2.0 greylisted"], "final": ["451 4.3.0 disk full"]})) as server:
        channel = SmtpChannel(SmtpAddress(server.url), email_from="In Touch <news@council.example>")
        one = worker(runtime, channel, road=Road.EMAIL, renderers={"letter": render_letters})
        assert await one.send_due() == {"retry": 1}
        assert await one.send_due() == {}
        for hours, counts in ((1, {"retry": 1}), (2, {"sent": 1})):
            clock.set(now + timedelta(hours=hours))
            assert await one.send_due() == counts
        await channel.close()
    assert (await rows(runtime))[0].tries == 3


async def test_what_waited_for_hours_bears_the_hour_at_which_it_leaves(runtime: Runtime, clock: ShiftedClock, now: datetime) -> None:
    """Spam filters give two points for a date that is four hours old, to all of an edition that was paused so long."""
    start = now.replace(minute=10, second=0, microsecond=0)
    dates: list[datetime] = []
    for hours, minutes in ((0, 0), (1, 30), (4, 0), (4, 40), (100, 0)):
        await queue(runtime, email(100 * hours + minutes, start))
        clock.set(start + timedelta(hours=hours, minutes=minutes))
        channel = RecordingChannel()
        assert await worker(runtime, channel, road=Road.EMAIL, renderers={"letter": render_letters}).send_due() == {"sent": 1}
        message = mime.whole(channel.contents[0])  # type: ignore[arg-type]
        dates.append(parsedate_to_datetime(message_from_bytes(message)["Date"]))
    full = start.replace(minute=0)
    assert dates[:2] == [start, start]
    assert dates[2:4] == [full + timedelta(hours=4)] * 2  # so that a repeat is the same message
    assert dates[4] == full + timedelta(hours=100)


async def test_an_email_with_an_address_that_is_none_fails_alone(runtime: Runtime, now: datetime) -> None:
    bad = draft(9, now, road=Road.EMAIL, kind="letter", address="grace@x.example\r\nBcc: mallory@x.example")
    await queue(runtime, bad, email(1, now))
    async with serving(ScriptedSmtp()) as server:
        channel = SmtpChannel(SmtpAddress(server.url), email_from="In Touch <news@council.example>")
        await worker(runtime, channel, road=Road.EMAIL, renderers={"letter": render_letters}).send_due()
        await channel.close()
    assert await states(runtime) == [State.FAILED, State.SENT]


@pytest.mark.parametrize("kind", [State.UNKNOWN])
async def test_a_telegram_message_that_may_have_arrived_is_not_repeated(
    runtime: Runtime, clock: ShiftedClock, now: datetime, kind: State
) -> None:
    await queue(runtime, draft(1, now))
    channel = RecordingChannel(lambda _: outcomes.unknown("the Bot API did not answer"))
    one = worker(runtime, channel)
    await one.send_due()
    clock.set(now + timedelta(days=1))
    await one.send_due()
    assert channel.sent == ["1"]
    assert await states(runtime) == [kind]


class SlowSessions(Sessions):
    """Each write takes a while, even after its commit."""

    writes = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        self.writes += 1
        async with super().turn():
            yield
        await asyncio.sleep(0.3)


async def test_what_was_being_claimed_when_we_were_stopped_is_given_back(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now) for number in range(5)))
    slow = SlowSessions(runtime.sessions.engine)
    channel = RecordingChannel()
    one = worker(Runtime(runtime.settings, slow, runtime.templates, runtime.links, runtime.clock), channel)
    task = asyncio.create_task(one.run())
    await until(lambda: slow.writes > 0)
    await one.stop(within=20)
    await task
    await slow.close()
    assert channel.sent == []
    assert set(await states(runtime)) == {State.QUEUED}


async def test_a_postgres_that_throws_everybody_out_costs_no_outcome(postgres_url: str, tmp_path: Path, now: datetime) -> None:
    runtime = app.build_runtime(load(database_url=postgres_url, data_dir=tmp_path, secret_key="x"), ShiftedClock(now))
    await queue(runtime, *(draft(number, now) for number in range(40)))
    channel = RecordingChannel(slow=0.02)
    everybody_out = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    # A claim whose commit was cut off may stand: it comes back when its short lease has run out.
    habits = Habits(lease=timedelta(seconds=2), poll=0.02, sweep_every=0.05, harmless={"message"})
    async with running(worker(runtime, channel, habits=habits)):
        for _ in range(3):
            await asyncio.sleep(0.2)
            async with runtime.sessions.engine.connect() as connection:
                await connection.execute(sa.text(everybody_out))
        async with asyncio.timeout(40):
            while set(await states(runtime)) != {State.SENT}:
                await asyncio.sleep(0.1)
    assert set(channel.sent) == {str(number) for number in range(40)}
    await runtime.sessions.close()


async def test_an_email_names_its_own_return_path_and_a_chat_message_none(runtime: Runtime, now: datetime) -> None:
    senders: list[str] = []

    def note(envelope: Envelope) -> Outcome:
        senders.append(envelope.sender)
        return outcomes.sent("p")

    async def letters(_session: object, deliveries: Sequence[Parcel]) -> dict[int, Rendered]:
        return {delivery.id: Encoded(b"Subject: x\r\n\r\nx\r\n") for delivery in deliveries}

    await queue(runtime, draft(1, now, key="e", kind="bytes", road=Road.EMAIL, address="a@example.org"), draft(2, now))
    for road in (Road.EMAIL, Road.TELEGRAM):
        channel = RecordingChannel(note)
        sender = worker(runtime, channel, road=road, renderers={"bytes": letters}, return_path=lambda number: f"b{number}@x.example")
        await sender.send_due()
    assert senders == [f"b{(await rows(runtime))[0].id}@x.example", ""]
