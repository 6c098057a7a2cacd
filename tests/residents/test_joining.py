"""Joining by email alone: nothing before the confirmation, and no way to learn who is signed up."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from intouch.errors import BadInput, NotFound
from intouch.letters import Letters
from intouch.outbox.models import DeadAddress, Delivery, Road, State
from intouch.residents import consents, dialogues, email, housekeeping, joining, reaching, signup
from intouch.residents.models import Consent, DialogueKind, HandledUpdate, Resident, ResidentStatus
from intouch.runtime import Runtime
from tests.residents import cast

GRACE = "grace@example.org"


async def _join(runtime: Runtime, now: datetime, **changed: object) -> None:
    asked = {"email": GRACE, "postcode": "SR6 0NB", "wants_board": True, "links": runtime.links, "now": now} | changed
    async with runtime.sessions.write() as session:
        await joining.join_by_email(session, **asked)  # type: ignore[arg-type]


async def test_who_joins_by_email_is_a_draft_until_the_address_is_confirmed(runtime: Runtime, now: datetime) -> None:
    _, _, roker = await cast.city(runtime)
    await _join(runtime, now)
    async with runtime.sessions.write() as session:
        grace = (await session.scalars(sa.select(Resident))).one()
        assert (grace.status, grace.email, grace.ward_id) == (ResidentStatus.DRAFT, None, roker.id)
        assert await cast.held(session, grace.id) == set()
        for _ in range(2):
            await email.confirm(session, resident_id=grace.id, address=GRACE, now=now)
        assert (grace.status, grace.email, grace.joined_at) == (ResidentStatus.ACTIVE, GRACE, now)
        assert await cast.held(session, grace.id) == {"digest/email", "surveys/email", "sounding_board/email"}
        assert [one.wording for one in await session.scalars(sa.select(Consent))] == [consents.email_wording()]


async def test_a_ward_can_be_chosen_instead_of_a_postcode(runtime: Runtime, now: datetime) -> None:
    southwick, _, _ = await cast.city(runtime)
    await _join(runtime, now, postcode="", ward_code="e05016391", wants_board=False)
    async with runtime.sessions.write() as session:
        grace = (await session.scalars(sa.select(Resident))).one()
        assert grace.ward_id == southwick.id
        await email.confirm(session, resident_id=grace.id, address=GRACE, now=now)
        assert await cast.held(session, grace.id) == {"digest/email", "surveys/email"}


async def test_the_letter_carries_the_wording_that_is_recorded(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    await _join(runtime, now)
    async with runtime.sessions.read() as session:
        (letter,) = await cast.letters(session)
    rendered = Letters(runtime.templates).render(letter.payload["template"], **letter.payload["values"])
    assert consents.email_wording() in rendered.text
    assert consents.email_wording() in rendered.html
    assert letter.payload["values"]["url"] in rendered.text


async def test_who_is_signed_up_already_gets_a_letter_and_the_asker_learns_nothing(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    await _join(runtime, now)
    async with runtime.sessions.write() as session:
        grace = (await session.scalars(sa.select(Resident))).one()
        await email.confirm(session, resident_id=grace.id, address=GRACE, now=now)
    await _join(runtime, now, email="GRACE@example.org", postcode="SR5 2AA")
    async with runtime.sessions.read() as session:
        (again,) = await session.scalars(sa.select(Resident))
        assert again.ward_id == grace.ward_id
        first, second = await cast.letters(session, GRACE)
        assert (first.payload["template"], second.payload["template"]) == ("confirm_email", "already_joined")
        token = second.payload["values"]["url"].rpartition("/")[2]
        assert runtime.links.read("preferences", token, now=now) == [grace.id]
        assert Letters(runtime.templates).render("already_joined", **second.payload["values"]).subject


async def test_who_is_signed_up_with_an_address_that_letters_came_back_from_proves_it_again(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    await _join(runtime, now)
    async with runtime.sessions.write() as session:
        grace = (await session.scalars(sa.select(Resident))).one()
        await email.confirm(session, resident_id=grace.id, address=GRACE, now=now)
        session.add(DeadAddress(road=Road.EMAIL, address=GRACE, reason="550", died_at=now))
        await reaching.email_gone(session, GRACE, now=now)
    for _ in range(5):
        await _join(runtime, now)
    async with runtime.sessions.write() as session:
        letters = await cast.letters(session, GRACE)
        assert [letter.payload["template"] for letter in letters] == ["confirm_email"] * email.LETTERS_A_DAY
        assert await session.scalar(sa.select(sa.func.count()).select_from(DeadAddress)) == 0
        await email.confirm(session, resident_id=grace.id, address=GRACE, now=now)
        assert await cast.held(session, grace.id) == {"digest/email"}


async def test_asking_too_often_says_the_same_and_sends_nothing(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    for _ in range(5):
        await _join(runtime, now)
    async with runtime.sessions.read() as session:
        assert len(await cast.letters(session, GRACE)) == email.LETTERS_A_DAY
        assert await session.scalar(sa.select(sa.func.count()).select_from(Resident)) == email.LETTERS_A_DAY


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"email": "grace"}, BadInput),
        ({"postcode": "nonsense"}, BadInput),
        ({"postcode": "SW1A 1AA"}, NotFound),
        ({"postcode": ""}, BadInput),
        ({"postcode": "", "ward_code": "E99999999"}, NotFound),
    ],
)
async def test_bad_input_gets_a_sentence_and_leaves_nothing(
    runtime: Runtime, now: datetime, changed: dict[str, str], error: type[Exception]
) -> None:
    await cast.city(runtime)
    with pytest.raises(error):
        await _join(runtime, now, **changed)
    async with runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Resident)) == 0
        assert await cast.letters(session) == []


async def test_sign_ups_that_nobody_finished_are_forgotten_after_two_weeks(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    await _join(runtime, now)
    async with runtime.sessions.write() as session:
        bob = await signup.begin(session, telegram_id=cast.BOB, first_name="Bob", language="en", now=now)
        alice = await cast.alice(session, now=now)
        await signup.stop(session, alice, now=now)
        signup.agree(session, alice, wording=cast.WORDING, now=now)  # on the way back in: a draft, but no new one
        session.add(HandledUpdate(update_id=1, handled_at=now))
    async with runtime.sessions.write() as session:
        assert await housekeeping.forget_drafts(session, now=now + timedelta(days=13)) == 0
        assert await housekeeping.forget_drafts(session, now=now + timedelta(days=15)) == 2
        assert await housekeeping.forget_drafts(session, now=now + timedelta(days=15)) == 0
    async with runtime.sessions.read() as session:
        assert list(await session.scalars(sa.select(Resident.id))) == [alice.id]
        assert await session.get(Resident, bob.id) is None
        letter = (await session.scalars(sa.select(Delivery).where(Delivery.kind == "letter"))).one()
        assert (letter.address, letter.payload, letter.owner, letter.state) == ("", {}, None, State.CANCELLED)
        assert await session.scalar(sa.select(sa.func.count()).select_from(HandledUpdate)) == 0


async def test_a_sign_up_is_forgotten_two_weeks_after_its_last_question(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        bob = await signup.begin(session, telegram_id=cast.BOB, first_name="Bob", language="en", now=now)
        await dialogues.begin(session, cast.BOB, DialogueKind.SIGNUP, bob.id, now=now + timedelta(days=13))
    async with runtime.sessions.write() as session:
        assert await housekeeping.forget_drafts(session, now=now + timedelta(days=26)) == 0
        assert await housekeeping.forget_drafts(session, now=now + timedelta(days=28)) == 1
        assert await dialogues.current(session, cast.BOB) is None
