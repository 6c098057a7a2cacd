"""Editions: each one once, whoever asks for it, how often and when."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from intouch.digest import approving, batches, editions, periods
from intouch.digest.models import Audience, Edition, EditionStatus
from intouch.errors import BadInput, NotFound
from intouch.outbox.models import Delivery, Road
from intouch.residents import subscriptions
from intouch.residents.models import Resident, ResidentStatus
from intouch.runtime import Runtime
from tests.digest.conftest import Town, ward

FRIDAY = periods.weekly("fri 16:00", ZoneInfo("Europe/London"))
DUE = datetime(2026, 11, 20, 16, tzinfo=UTC)  # 2026-W47
WORDS = {"notices": [{"title": "Road closed"}]}


async def begin(runtime: Runtime, at: datetime) -> None:
    async with runtime.sessions.write() as session:
        await editions.begin(session, now=at)


async def tick(
    runtime: Runtime,
    at: datetime,
    *,
    audience: Audience = Audience.DIGEST,
    contents: dict[str, object] = WORDS,
    when: periods.Weekly = FRIDAY,
) -> int:
    """One scheduler's round over what is missing; how many deliveries it made."""
    async with runtime.sessions.read() as session:
        missing = await editions.missing(session, audience, when, now=at)
    made = 0
    for due in missing:
        async with runtime.sessions.write() as session:
            if due.is_late(at):
                await editions.wait(session, due, now=at)
            else:
                made += await editions.publish(session, due, dict(contents), now=at) or 0
    return made


async def found(runtime: Runtime) -> list[tuple[str, str]]:
    async with runtime.sessions.read() as session:
        return [
            (period, status) for period, status in await session.execute(sa.select(Edition.period, Edition.status).order_by(Edition.id))
        ]


async def deliveries(runtime: Runtime) -> list[Delivery]:
    async with runtime.sessions.read() as session:
        return list(await session.scalars(sa.select(Delivery).order_by(Delivery.id)))


async def test_an_edition_becomes_one_delivery_per_subscriber(runtime: Runtime, town: Town) -> None:
    await begin(runtime, DUE - timedelta(days=3))
    alice = await town.subscriber(name="Alice", email="alice@mail.example")
    await town.subscriber(town.fulwell, name="Bob")
    assert await tick(runtime, DUE + timedelta(minutes=1)) == 2
    first = (await deliveries(runtime))[1]
    assert (first.key, first.owner, first.address) == (f"digest:2026-W47:{alice}", f"resident:{alice}", "alice@mail.example")
    assert first.batch == f"edition:{first.payload['edition']}" and first.due_at == DUE + timedelta(minutes=1)


async def test_a_second_tick_makes_nothing_more(runtime: Runtime, town: Town) -> None:
    await begin(runtime, DUE - timedelta(days=3))
    await town.subscriber()
    assert [await tick(runtime, DUE + timedelta(minutes=minute)) for minute in (0, 0, 5, 600)] == [1, 0, 0, 0]
    assert len(await found(runtime)) == 2


async def test_nobody_gets_an_email_before_it_is_due(runtime: Runtime, town: Town) -> None:
    await begin(runtime, DUE - timedelta(days=3))
    await town.subscriber()
    assert await tick(runtime, DUE - timedelta(minutes=4)) == 0
    assert await found(runtime) == []


async def test_two_schedulers_publish_one_edition(runtime: Runtime, town: Town) -> None:
    await begin(runtime, DUE - timedelta(days=3))
    for _ in range(20):
        await town.subscriber()
    async with runtime.sessions.read() as session:
        seen = await editions.missing(session, Audience.DIGEST, FRIDAY, now=DUE)

    async def scheduler() -> int:
        made = 0
        for due in seen:  # both saw the same before either began
            async with runtime.sessions.write() as session:
                made += await editions.publish(session, due, dict(WORDS), now=DUE) or 0
        return made

    assert sorted(await asyncio.gather(scheduler(), scheduler(), scheduler()))[-1] <= 20
    assert len(await found(runtime)) == 2
    assert max(Counter(delivery.owner for delivery in await deliveries(runtime)).values()) == 1
    assert len(await deliveries(runtime)) == 20


async def test_a_process_killed_in_the_middle_leaves_nothing_and_the_next_tick_makes_it_whole(runtime: Runtime, town: Town) -> None:
    await begin(runtime, DUE - timedelta(days=3))
    await town.subscriber()
    async with runtime.sessions.read() as session:
        due = (await editions.missing(session, Audience.DIGEST, FRIDAY, now=DUE))[-1]
    with pytest.raises(ConnectionAbortedError):
        async with runtime.sessions.write() as session:
            assert await editions.publish(session, due, dict(WORDS), now=DUE) == 1
            raise ConnectionAbortedError
    assert await found(runtime) == [] and await deliveries(runtime) == []
    assert await tick(runtime, DUE + timedelta(minutes=5)) == 1


async def test_nothing_to_say_is_an_empty_edition_and_no_email(runtime: Runtime, town: Town) -> None:
    await begin(runtime, DUE - timedelta(days=3))
    await town.subscriber()
    assert await tick(runtime, DUE, contents={}) == 0
    assert {status for _, status in await found(runtime)} == {EditionStatus.EMPTY}
    assert await deliveries(runtime) == []
    assert await tick(runtime, DUE + timedelta(minutes=5)) == 0  # something to say now is for next week


async def test_a_missed_friday_goes_out_within_36_hours_and_waits_for_an_officer_after_that(runtime: Runtime, town: Town) -> None:
    await begin(runtime, DUE - timedelta(days=30))
    await town.subscriber()
    assert await tick(runtime, DUE + timedelta(hours=36)) == 1
    assert await tick(runtime, DUE + timedelta(days=7, hours=36, seconds=1)) == 0
    assert {status for period, status in await found(runtime) if period == "2026-W48"} == {EditionStatus.WAITING}


async def test_what_was_late_by_another_setting_goes_out_when_it_is_due_by_this_one(runtime: Runtime, town: Town) -> None:
    """Somebody tried Mondays on a Wednesday, and put Friday back: that Friday nobody got anything."""
    await begin(runtime, DUE - timedelta(days=30))
    await town.subscriber()
    monday = periods.weekly("mon 08:00", FRIDAY.zone)
    wednesday = DUE - timedelta(days=2)
    assert await tick(runtime, wednesday, when=monday) == 0
    assert {status for period, status in await found(runtime) if period == "2026-W47"} == {EditionStatus.WAITING}
    assert [await tick(runtime, at) for at in (wednesday, DUE - timedelta(minutes=1), DUE, DUE + timedelta(minutes=5))] == [0, 0, 1, 0]
    assert {status for period, status in await found(runtime) if period == "2026-W47"} == {EditionStatus.PUBLISHED}


async def test_a_waiting_edition_is_released_by_one_officer_only_once(runtime: Runtime, town: Town) -> None:
    await begin(runtime, DUE - timedelta(days=30))
    await town.subscriber()
    late = DUE + timedelta(days=3)
    await tick(runtime, late)
    made = []
    for _ in range(2):
        async with runtime.sessions.write() as session:
            waiting = await editions.unpublished(session, Audience.DIGEST, FRIDAY, period="2026-W47")
            made.append([await editions.publish(session, due, dict(WORDS), now=late) for due in waiting])
    assert made == [[0, 1], []]


async def test_what_is_cancelled_while_it_is_gathered_to_be_published_sends_nothing(runtime: Runtime, town: Town) -> None:
    await begin(runtime, DUE - timedelta(days=30))
    await town.subscriber()
    late = DUE + timedelta(days=3)
    await tick(runtime, late)
    async with runtime.sessions.write() as session:
        assert all([await approving.approve(session, one.edition_id) for one in await approving.waiting(session)])
    async with runtime.sessions.read() as session:
        approved = await editions.approved(session, Audience.DIGEST, FRIDAY)
        names = await batches.in_period(session, Audience.DIGEST, "2026-W47")
    async with runtime.sessions.write() as session:
        assert await approving.cancel(session, names) == ["Fulwell", "Southwick"]
        assert await approving.cancel(session, names) == []
    async with runtime.sessions.write() as session:
        assert [await editions.publish(session, due, dict(WORDS), now=late) for due in approved] == [None, None]
    assert {status for _, status in await found(runtime)} == {EditionStatus.CANCELLED}
    assert await deliveries(runtime) == []


async def test_an_officer_who_saw_an_edition_waiting_before_another_released_it_sends_nothing(runtime: Runtime, town: Town) -> None:
    await begin(runtime, DUE - timedelta(days=30))
    await town.subscriber()
    late = DUE + timedelta(days=3)
    await tick(runtime, late)
    async with runtime.sessions.read() as session:
        waiting = await editions.unpublished(session, Audience.DIGEST, FRIDAY, period="2026-W47", ward_id=town.southwick)
    made = []
    for _ in range(2):
        async with runtime.sessions.write() as session:
            made.append(await editions.publish(session, waiting[0], dict(WORDS), now=late))
    assert made == [1, None]


async def test_a_fresh_installation_does_not_send_last_fridays_digest(runtime: Runtime, town: Town) -> None:
    saturday = DUE + timedelta(hours=18)
    await begin(runtime, saturday)
    await begin(runtime, saturday + timedelta(days=1))  # a restart is no new beginning
    await town.subscriber()
    assert await tick(runtime, saturday) == 0
    assert await found(runtime) == []
    assert await tick(runtime, DUE + timedelta(days=7)) == 1


async def test_without_a_beginning_nothing_is_due(runtime: Runtime, town: Town) -> None:
    assert await tick(runtime, DUE) == 0
    assert await found(runtime) == []


async def test_weeks_missed_before_the_last_one_stay_missed_and_the_next_edition_tells_of_them(runtime: Runtime, town: Town) -> None:
    await begin(runtime, DUE - timedelta(days=30))
    await tick(runtime, DUE)
    back = DUE + timedelta(days=21, hours=1)
    async with runtime.sessions.read() as session:
        missing = await editions.missing(session, Audience.DIGEST, FRIDAY, now=back)
    assert {(due.period, due.since) for due in missing} == {("2026-W50", editions.until(DUE))}


async def test_a_first_edition_after_missed_weeks_tells_of_all_since_the_beginning(runtime: Runtime, town: Town) -> None:
    begun = DUE - timedelta(days=10)
    await begin(runtime, begun)
    assert await tick(runtime, DUE - timedelta(days=4)) == 0  # last Friday's is too late, and waits
    async with runtime.sessions.read() as session:
        missing = await editions.missing(session, Audience.DIGEST, FRIDAY, now=DUE)
    assert {(due.period, due.since) for due in missing} == {("2026-W47", begun)}


async def test_a_first_edition_tells_of_the_week_before_the_council_began(runtime: Runtime, town: Town) -> None:
    await begin(runtime, DUE - timedelta(days=3))
    async with runtime.sessions.read() as session:
        missing = await editions.missing(session, Audience.DIGEST, FRIDAY, now=DUE)
    assert {due.since for due in missing} == {DUE - timedelta(days=7)}


async def test_a_new_wards_first_edition_tells_what_the_old_ones_have_not_told(runtime: Runtime, town: Town) -> None:
    """Reports follow the boundaries: four weeks of them would be told a second time."""
    await begin(runtime, DUE - timedelta(days=90))
    for weeks in (3, 2, 1):
        await tick(runtime, DUE - timedelta(weeks=weeks))
    new = ward("E05099999", "Southwick and Redhouse", None, valid_from=DUE.date() - timedelta(days=1))
    await town.add(new)
    async with runtime.sessions.read() as session:
        missing = await editions.missing(session, Audience.DIGEST, FRIDAY, now=DUE)
    assert {due.ward.name: due.since for due in missing}["Southwick and Redhouse"] == editions.until(DUE - timedelta(weeks=1))


async def test_who_moves_to_another_ward_in_the_week_still_gets_one_digest(runtime: Runtime, town: Town) -> None:
    await begin(runtime, DUE - timedelta(days=3))
    grace = await town.subscriber()
    await tick(runtime, DUE)
    roker = ward("E05016389", "Roker", None)  # imported on Saturday, in force since May
    await town.add(roker)
    async with runtime.sessions.write() as session:
        (await session.get_one(Resident, grace)).ward_id = roker.id
    assert await tick(runtime, DUE + timedelta(hours=20)) == 0
    assert len(await deliveries(runtime)) == 1


async def test_a_ward_gets_editions_only_while_it_is_in_force(runtime: Runtime, town: Town) -> None:
    await begin(runtime, DUE - timedelta(days=3))
    old = ward("E05001168", "Southwick (old)", None, valid_from=date(2004, 6, 10), valid_to=date(2026, 5, 7))
    coming = ward("E05099999", "To come", None, valid_from=date(2027, 5, 6))
    await town.add(old, coming)
    async with runtime.sessions.read() as session:
        missing = await editions.missing(session, Audience.DIGEST, FRIDAY, now=DUE)
    assert [due.ward.name for due in missing] == ["Fulwell", "Southwick"]


async def test_only_active_residents_with_a_confirmed_address_and_a_subscription_are_written_to(runtime: Runtime, town: Town) -> None:
    await begin(runtime, DUE - timedelta(days=3))
    ids = [await town.subscriber() for _ in range(4)]
    async with runtime.sessions.write() as session:
        await subscriptions.unsubscribe(session, ids[0], reason="asked", now=DUE)
        (await session.get_one(Resident, ids[1])).status = ResidentStatus.STOPPED
        (await session.get_one(Resident, ids[2])).email_confirmed_at = None
    await tick(runtime, DUE)
    assert [delivery.owner for delivery in await deliveries(runtime)] == [f"resident:{ids[3]}"]


async def test_a_briefing_goes_to_councillors_by_email_and_to_the_chat_of_those_linked(runtime: Runtime, town: Town) -> None:
    await begin(runtime, DUE - timedelta(days=3))
    carl = await town.councillor(telegram_id=4711)
    await town.councillor(name="Carla", email="")
    assert await tick(runtime, DUE, audience=Audience.BRIEFING) == 2
    assert [(delivery.key, delivery.road, delivery.address) for delivery in await deliveries(runtime)] == [
        (f"briefing:2026-W47:{carl}", Road.EMAIL, "carl@council.example"),
        (f"briefing:2026-W47:{carl}:telegram", Road.TELEGRAM, "4711"),
    ]


@pytest.mark.slow
async def test_a_year_of_ticks_with_clock_changes_and_missed_weeks_makes_each_period_once(runtime: Runtime, town: Town) -> None:
    await town.subscriber()
    moment, end = datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 10, 1, tzinfo=UTC)
    await begin(runtime, moment)
    away = (datetime(2027, 2, 10, tzinfo=UTC), datetime(2027, 3, 3, tzinfo=UTC))
    while moment < end:
        if not away[0] < moment < away[1]:
            await tick(runtime, moment)
        moment += timedelta(hours=5, minutes=7)
    periods_made = Counter(period for period, _ in await found(runtime))
    every = list(periods.due_between(FRIDAY, after=datetime(2026, 10, 1, tzinfo=UTC), until=end - timedelta(hours=6)))
    missed = {"2027-W06", "2027-W07"}  # W08 was due two wards ago
    assert set(periods_made) == set(every) - missed
    assert set(periods_made.values()) == {2}
    statuses = dict(await found(runtime))
    assert [period for period in every if statuses.get(period) == EditionStatus.WAITING] == ["2027-W08"]
    assert len(await deliveries(runtime)) == len(every) - 3


async def test_an_officer_names_a_period_and_a_ward_in_words(runtime: Runtime, town: Town) -> None:
    assert editions.chosen_period(None, FRIDAY, now=DUE) == "2026-W47"
    assert editions.chosen_period(" 2026-w47 ", FRIDAY, now=DUE) == "2026-W47"
    with pytest.raises(BadInput, match="not due until Friday 27 November 2026 at 4:00 pm"):
        editions.chosen_period("2026-W48", FRIDAY, now=DUE)
    async with runtime.sessions.read() as session:
        for text in ("e05016391", "  southwick "):
            assert (await editions.chosen_ward(session, text, now=DUE, when=FRIDAY)).id == town.southwick
        with pytest.raises(NotFound, match="Atlantis"):
            await editions.chosen_ward(session, "Atlantis", now=DUE, when=FRIDAY)


def test_a_ward_ends_at_the_councils_midnight() -> None:
    old = ward("E05001168", "Southwick (old)", None, valid_to=date(2027, 6, 5))
    midnight = datetime(2027, 6, 4, 23, 0, tzinfo=UTC)  # it is summer
    due = editions.Due(Audience.DIGEST, old, "2027-W21", midnight, midnight, ZoneInfo("Europe/London"))
    assert [due.has_ended(midnight + timedelta(minutes=minutes)) for minutes in (-1, 0)] == [False, True]
