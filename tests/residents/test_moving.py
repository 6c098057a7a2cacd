"""Moving: when new wards come into force everybody is moved who can be, and everybody else is asked once."""

from datetime import date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.letters import Letters
from intouch.outbox.models import Delivery, Road, State
from intouch.places.models import Area, Postcode, Ward
from intouch.residents import asking, moving
from intouch.residents.models import Channel, Dialogue, DialogueKind, Resident, ResidentStatus, Subscription, Topic, WardSource
from intouch.runtime import Runtime
from tests.places.squares import LONG_AGO, ward

BEFORE, SINCE, LATER = date(2026, 5, 6), date(2026, 5, 7), date(2026, 5, 8)
ALICE, BOB = 1001, 1002


class City:
    """One old ward over two new ones, West and East, and a way to put residents in it."""

    def __init__(self, runtime: Runtime, session: AsyncSession, now: datetime) -> None:
        self.runtime, self.session, self.now = runtime, session, now
        area = Area(name="North")
        self.area = area
        self.old = ward("E05000001", "Old", -2.0, until=SINCE)
        self.west, self.east = ward("E05000002", "West", -2.0, since=SINCE), ward("E05000003", "East", -1.0, since=SINCE)

    async def build(self) -> None:
        self.session.add(self.area)
        await self.session.flush()
        self.west.area_id = self.east.area_id = self.area.id
        self.session.add_all([self.old, self.west, self.east])
        await self.session.flush()

    async def resident(self, *, ward: Ward | None = None, is_active: bool = True, **values: Any) -> Resident:
        values.setdefault("status", ResidentStatus.ACTIVE if is_active else ResidentStatus.DRAFT)
        resident = Resident(ward_id=(ward or self.old).id, created_at=self.now, **values)
        self.session.add(resident)
        await self.session.flush()
        return resident

    async def postcode(self, postcode: str, ward: Ward, longitude: float | None = None) -> None:
        latitude = None if longitude is None else 54.5
        await self.session.merge(Postcode(postcode=postcode, ward_id=ward.id, longitude=longitude, latitude=latitude))
        await self.session.flush()

    async def move(self, on: date = SINCE) -> moving.Moved:
        runtime = self.runtime
        return await moving.move_to_new_wards(self.session, on=on, now=self.now, templates=runtime.templates, links=runtime.links)

    async def wards_of(self, *residents: Resident) -> list[int | None]:
        rows = await self.session.execute(sa.select(Resident.id, Resident.ward_id))
        wards = {row.id: row.ward_id for row in rows}
        return [wards[resident.id] for resident in residents]

    async def asked(self) -> list[Delivery]:
        return list(await self.session.scalars(sa.select(Delivery).order_by(Delivery.id)))

    async def dialogue(self, telegram_id: int) -> DialogueKind | None:
        kind: DialogueKind | None = await self.session.scalar(sa.select(Dialogue.kind).where(Dialogue.telegram_id == telegram_id))
        return kind


@pytest.fixture
def in_city(runtime: Runtime, now: datetime) -> Any:
    """``async with in_city() as city``: a city in a writing transaction."""

    class Opened:
        async def __aenter__(self) -> City:
            self.writing = runtime.sessions.write()
            city = City(runtime, await self.writing.__aenter__(), now)
            await city.build()
            return city

        async def __aexit__(self, *error: Any) -> None:
            await self.writing.__aexit__(*error)

    return Opened


async def test_nobody_moves_before_the_day_comes(in_city: Any) -> None:
    async with in_city() as city:
        alice = await city.resident(ward_source=WardSource.LOCATION, longitude=-1.5, latitude=54.5, telegram_id=ALICE)
        assert await city.move(BEFORE) == moving.Moved()
        assert await city.wards_of(alice) == [city.old.id]


async def test_residents_are_moved_by_postcode_by_its_centre_and_by_place(in_city: Any) -> None:
    async with in_city() as city:
        await city.postcode("SR52AA", city.east, -1.9)  # the file's word counts more than the drawing
        await city.postcode("SR52AB", city.old, -0.5)
        by_postcode = await city.resident(ward_source=WardSource.POSTCODE, postcode="SR52AA", telegram_id=ALICE)
        by_centre = await city.resident(ward_source=WardSource.POSTCODE, postcode="SR52AB")
        by_place = await city.resident(ward_source=WardSource.LOCATION, longitude=-1.5, latitude=54.5)
        half_signed_up = await city.resident(ward_source=WardSource.LOCATION, longitude=-0.5, latitude=54.5, is_active=False)
        assert await city.move() == moving.Moved(moved=4)
        wards = await city.wards_of(by_postcode, by_centre, by_place, half_signed_up)
        assert wards == [city.east.id, city.east.id, city.west.id, city.east.id]
        assert await city.asked() == []
        assert await city.move(LATER) == moving.Moved()


async def test_whoever_chose_by_button_is_asked_once_in_the_chat(in_city: Any) -> None:
    async with in_city() as city:
        alice = await city.resident(ward_source=WardSource.CHOSEN, telegram_id=ALICE)
        assert await city.move() == moving.Moved(to_ask=1)
        assert await city.wards_of(alice) == [None]
        assert await city.dialogue(ALICE) is DialogueKind.WARD
        assert await city.move() == await city.move(LATER) == moving.Moved()
        [delivery] = await city.asked()
        assert (delivery.key, delivery.kind, delivery.road) == (f"ask-ward:{alice.id}:{SINCE}", "message", Road.TELEGRAM)
        assert delivery.owner == f"resident:{alice.id}"
        assert delivery.payload["buttons"] == [[["North", f"signup:area:{city.area.id}", ""]]]
        assert "postcode" in delivery.payload["text"]


async def test_whoever_has_email_alone_is_asked_by_letter(in_city: Any, now: datetime) -> None:
    async with in_city() as city:
        who = {"ward_source": WardSource.CHOSEN, "email_confirmed_at": now}
        grace = await city.resident(email="grace@people.example", **who)
        blocked = await city.resident(email="bob@people.example", telegram_id=BOB, telegram_blocked_at=now, **who)
        for resident in (grace, blocked):
            city.session.add(Subscription(resident_id=resident.id, topic=Topic.DIGEST, channel=Channel.EMAIL, started_at=now))
        await city.resident(email="unsubscribed@people.example", **who)
        await city.resident(email="unconfirmed@people.example", ward_source=WardSource.CHOSEN)
        assert (await city.move()).to_ask == 4
        asked = await city.asked()
        assert [d.address for d in asked] == ["grace@people.example", "bob@people.example"]
        assert {(d.kind, d.road) for d in asked} == {(asking.KIND, Road.EMAIL)}
        url = asked[0].payload["values"]["preferences_url"]
        assert city.runtime.links.read("preferences", url.rpartition("/")[2], now=now) == [grace.id]
        letter = Letters(city.runtime.templates).render(asked[0].payload["template"], **asked[0].payload["values"])
        assert letter.subject == "Which ward do you live in now?"
        assert url in letter.text and url in letter.html


async def test_the_letter_that_asks_for_the_ward_can_be_ended_with_one_tap(in_city: Any, now: datetime) -> None:
    async with in_city() as city:
        who = {"ward_source": WardSource.CHOSEN, "email_confirmed_at": now}
        held = {"grace": (Topic.SURVEYS, Topic.DIGEST), "bob": (Topic.SOUNDING_BOARD, Topic.SURVEYS)}
        for name, topics in held.items():
            resident = await city.resident(email=f"{name}@people.example", **who)
            for topic in topics:
                city.session.add(Subscription(resident_id=resident.id, topic=topic, channel=Channel.EMAIL, started_at=now))
        await city.move()
        ended = []
        for letter in await city.asked():
            url = letter.payload["values"]["unsubscribe_url"]
            ended.append(city.runtime.links.read("unsubscribe", url.rpartition("/")[2], now=now)[1])
            assert letter.payload["headers"]["List-Unsubscribe"] == f"<{url}>"
            assert letter.payload["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
            assert url in Letters(city.runtime.templates).render("ask_ward", **letter.payload["values"]).text
        assert ended == ["digest", "sounding_board"]  # something that does come to them


async def test_who_gave_a_postcode_is_not_asked_before_the_new_postcodes_are_known(in_city: Any) -> None:
    async with in_city() as city:
        await city.postcode("SR52AA", city.old)
        alice = await city.resident(ward_source=WardSource.POSTCODE, postcode="SR52AA", telegram_id=ALICE)
        bob = await city.resident(ward_source=WardSource.POSTCODE, postcode="SR52ZZ", telegram_id=BOB)
        assert await city.move() == moving.Moved(unchanged=2)
        assert await city.wards_of(alice, bob) == [city.old.id, city.old.id]
        await city.postcode("SR52AA", city.west)
        assert await city.move() == moving.Moved(moved=1, to_ask=1)
        assert await city.wards_of(alice, bob) == [city.west.id, None]
        assert [d.address for d in await city.asked()] == [str(BOB)]


async def test_a_ward_that_goes_on_does_not_make_its_postcodes_the_new_ones(in_city: Any) -> None:
    async with in_city() as city:
        goes_on = ward("E05000009", "Goes on", -5.0, since=LONG_AGO)
        city.session.add(goes_on)
        await city.session.flush()
        await city.postcode("SR99AA", goes_on)
        bob = await city.resident(ward_source=WardSource.POSTCODE, postcode="SR52ZZ", telegram_id=BOB)
        neighbour = await city.resident(ward=goes_on, ward_source=WardSource.CHOSEN, telegram_id=ALICE)
        assert await city.move() == moving.Moved(unchanged=1)
        assert await city.wards_of(bob, neighbour) == [city.old.id, goes_on.id]


async def test_a_place_outside_the_new_wards_is_asked_about(in_city: Any) -> None:
    async with in_city() as city:
        await city.resident(ward_source=WardSource.LOCATION, longitude=-2.0001, latitude=54.5, telegram_id=ALICE)
        assert await city.move() == moving.Moved(to_ask=1)


async def test_drafts_and_who_stopped_lose_the_ward_without_a_message_and_the_erased_keep_still(in_city: Any, now: datetime) -> None:
    async with in_city() as city:
        draft = await city.resident(ward_source=None, telegram_id=ALICE, is_active=False)
        stopped = await city.resident(ward_source=WardSource.CHOSEN, telegram_id=BOB, status=ResidentStatus.STOPPED)
        await city.resident(ward_source=None, status=ResidentStatus.ERASED)
        assert await city.move() == moving.Moved(to_ask=2)
        assert await city.wards_of(draft, stopped) == [None, None]
        assert await city.asked() == []
        assert await city.dialogue(ALICE) is None


async def test_who_is_in_the_middle_of_something_goes_on_with_it(in_city: Any, now: datetime) -> None:
    async with in_city() as city:
        long_before = now.replace(hour=now.hour - 2)
        for telegram_id, opened_at in ((ALICE, now), (BOB, long_before)):
            city.session.add(Dialogue(telegram_id=telegram_id, kind=DialogueKind.REPORT, subject_id=5, opened_at=opened_at))
            await city.resident(ward_source=WardSource.CHOSEN, telegram_id=telegram_id)
        await city.move()
        assert await city.dialogue(ALICE) is DialogueKind.REPORT
        assert await city.dialogue(BOB) is DialogueKind.WARD
        assert len(await city.asked()) == 2


async def test_after_an_import_of_postcodes_residents_live_where_the_file_says(in_city: Any, now: datetime) -> None:
    async with in_city() as city:
        await city.postcode("SR52AA", city.old, -1.5)
        alice = await city.resident(ward_source=WardSource.POSTCODE, postcode="SR52AA", telegram_id=ALICE)
        lost = await city.resident(ward_source=WardSource.POSTCODE, postcode="SR52ZZ", telegram_id=BOB)
        chosen = await city.resident(ward=city.east, ward_source=WardSource.CHOSEN, postcode="SR52AA")
        await city.postcode("SR52AB", city.west)
        assert await city.move() == moving.Moved(moved=1, to_ask=1)
        await city.postcode("SR52AA", city.east)
        await city.postcode("SR52ZZ", city.east)
        assert await moving.follow_postcodes(city.session, on=SINCE, now=now) == 2
        assert await city.wards_of(alice, lost, chosen) == [city.east.id] * 3
        assert await city.dialogue(BOB) is None
        assert [d.state for d in await city.asked()] == [State.CANCELLED]
        assert await moving.follow_postcodes(city.session, on=SINCE, now=now) == 0


async def test_more_residents_than_fit_in_one_batch_are_all_moved_or_asked(in_city: Any, now: datetime) -> None:
    async with in_city() as city:
        who = {"status": ResidentStatus.ACTIVE, "ward_id": city.old.id, "created_at": now}
        rows = [
            {**who, "telegram_id": number, "ward_source": WardSource.LOCATION, "longitude": -1.5 if number % 3 else -0.5, "latitude": 54.5}
            for number in range(1, 1100)
        ]
        asked = [{**who, "telegram_id": 5000 + number, "ward_source": WardSource.CHOSEN} for number in range(601)]
        await city.session.execute(sa.insert(Resident), [*rows])
        await city.session.execute(sa.insert(Resident), [*asked])
        assert await city.move() == moving.Moved(moved=1099, to_ask=601)
        assert len(await city.asked()) == 601
        assert await city.session.scalar(sa.select(sa.func.count()).where(Resident.ward_id == city.east.id)) == 366
