"""Merging: one person who signed up by email and by Telegram is one resident, with everything that was theirs."""

import asyncio
from datetime import datetime

import pytest
import sqlalchemy as sa

from intouch.outbox.models import Delivery, State
from intouch.privacy import export, merging
from intouch.residents import email, finding, joining, signup, subscriptions, wards
from intouch.residents.models import Channel, Consent, Resident, ResidentStatus, Topic
from intouch.runtime import Runtime
from intouch.surveys.models import Invitation, Response, SurveyStatus
from tests.privacy import world
from tests.residents import cast

GRACE = "grace@example.org"


async def _grace(runtime: Runtime, now: datetime) -> int:
    """Grace, by email alone."""
    async with runtime.sessions.write() as session:
        await joining.join_by_email(session, email=GRACE, postcode="SR6 0NB", wants_board=True, links=runtime.links, now=now)
        draft = (await session.scalars(sa.select(Resident).where(Resident.email_to_confirm == GRACE))).one()
        await merging.confirm(session, resident_id=draft.id, address=GRACE, now=now)
        return draft.id


async def _ask(runtime: Runtime, now: datetime) -> int:
    """Alice, on Telegram, gives Grace's address: she is Grace."""
    async with runtime.sessions.write() as session:
        alice = await cast.alice(session, now=now)
        await email.ask_confirmation(session, alice, GRACE, links=runtime.links, now=now)
        return alice.id


async def test_what_was_the_email_residents_is_the_telegram_residents(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    grace = await _grace(runtime, now)
    async with runtime.sessions.write() as session:
        resident = await finding.resident(session, grace)
        await world.answer(session, await world.survey(session, now), resident, now)
        await world.report(session, resident, now)
    alice = await _ask(runtime, now)
    for _ in range(2):
        async with runtime.sessions.write() as session:
            merged = await merging.confirm(session, resident_id=alice, address=GRACE, now=now)
            assert (merged.id, merged.email, merged.telegram_id) == (alice, GRACE, cast.ALICE)
    async with runtime.sessions.read() as session:
        assert await cast.held(session, alice) == {"surveys/telegram", "digest/email", "sounding_board/email"}
        everything = await export.everything_about(session, alice)
        assert (len(everything["surveys"]), len(everything["reports"]), len(everything["consents"])) == (1, 1, 2)
        gone = await session.get(Resident, grace)
        assert gone is not None
        assert (gone.status, gone.email, gone.merged_into_id) == (ResidentStatus.ERASED, None, alice)
        assert await session.scalar(sa.select(sa.func.count()).select_from(Consent).where(Consent.resident_id == grace)) == 0


async def test_links_in_old_letters_lead_on_to_who_they_are_now(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    grace = await _grace(runtime, now)
    alice = await _ask(runtime, now)
    async with runtime.sessions.write() as session:
        await merging.confirm(session, resident_id=alice, address=GRACE, now=now)
        assert (await finding.resident(session, grace)).id == alice
        ended = await subscriptions.unsubscribe(session, grace, topic=Topic.DIGEST, channel=Channel.EMAIL, reason="link", now=now)
        assert ended == 1
        assert "digest/email" not in await cast.held(session, alice)


async def test_who_answered_an_open_survey_twice_is_counted_once(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    grace, alice = await _grace(runtime, now), await _ask(runtime, now)
    async with runtime.sessions.write() as session:
        survey = await world.survey(session, now)
        for resident_id in (grace, alice):
            await world.answer(session, survey, await finding.resident(session, resident_id), now)
        await merging.confirm(session, resident_id=alice, address=GRACE, now=now)
        assert list(await session.scalars(sa.select(Response.resident_id))) == [alice]
        assert list(await session.scalars(sa.select(Invitation.resident_id))) == [alice]


async def test_what_a_closed_survey_counted_stays_as_published(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    grace, alice = await _grace(runtime, now), await _ask(runtime, now)
    async with runtime.sessions.write() as session:
        survey = await world.survey(session, now, status=SurveyStatus.PUBLISHED)
        for resident_id in (grace, alice):
            await world.answer(session, survey, await finding.resident(session, resident_id), now)
        await merging.confirm(session, resident_id=alice, address=GRACE, now=now)
        assert sorted(await session.scalars(sa.select(Response.resident_id)), key=lambda owner: owner or 0) == [None, alice]


async def test_confirming_at_once_merges_once(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    await _grace(runtime, now)
    alice = await _ask(runtime, now)

    async def confirm() -> int:
        async with runtime.sessions.write() as session:
            return (await merging.confirm(session, resident_id=alice, address=GRACE, now=now)).id

    assert set(await asyncio.gather(*(confirm() for _ in range(4)))) == {alice}


async def test_two_forms_filled_in_for_one_address_make_one_resident(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        for _ in range(2):
            await joining.join_by_email(session, email=GRACE, postcode="SR6 0NB", wants_board=False, links=runtime.links, now=now)
        first, second = await session.scalars(sa.select(Resident.id).order_by(Resident.id))
        for resident_id in (first, second, first, second):
            confirmed = await merging.confirm(session, resident_id=resident_id, address=GRACE, now=now)
            assert confirmed.id == first
        assert await cast.held(session, first) == {"surveys/email", "digest/email"}


async def test_the_whole_answer_wins_over_the_half(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    grace, alice = await _grace(runtime, now), await _ask(runtime, now)
    async with runtime.sessions.write() as session:
        survey = await world.survey(session, now)
        whole = await world.answer(session, survey, await finding.resident(session, grace), now)
        half = await world.answer(session, survey, await finding.resident(session, alice), now)
        half.finished_at = None
        await merging.confirm(session, resident_id=alice, address=GRACE, now=now)
        (kept,) = (await session.execute(sa.select(Response.id, Response.resident_id))).all()
        assert tuple(kept) == (whole.id, alice)


async def test_what_is_on_its_way_comes_and_is_the_merged_residents(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    grace, alice = await _grace(runtime, now), await _ask(runtime, now)
    assert grace != alice
    async with runtime.sessions.write() as session:
        await merging.confirm(session, resident_id=alice, address=GRACE, now=now)
        rows = (await session.execute(sa.select(Delivery.owner, Delivery.state).order_by(Delivery.id))).all()
        assert [tuple(row) for row in rows] == [(f"resident:{alice}", State.QUEUED)] * 2


async def _form(runtime: Runtime, now: datetime) -> int:
    """The form on the web with Grace's address and the wish to be asked first; the number of its sign-up."""
    async with runtime.sessions.write() as session:
        await joining.join_by_email(session, email=GRACE, postcode="SR6 0NB", wants_board=True, links=runtime.links, now=now)
        return (await session.scalars(sa.select(Resident.id).where(Resident.wants_board, Resident.joined_at.is_(None)))).one()


async def test_the_wish_ticked_on_the_form_is_kept_by_who_is_in_telegram(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    alice, form = await _ask(runtime, now), await _form(runtime, now)
    async with runtime.sessions.write() as session:
        await merging.confirm(session, resident_id=alice, address=GRACE, now=now)
        for _ in range(2):
            assert (await merging.confirm(session, resident_id=form, address=GRACE, now=now)).id == alice
        assert await cast.held(session, alice) == {"surveys/telegram", "digest/email", "sounding_board/telegram"}


async def test_a_wish_that_was_taken_back_since_is_not_brought_back(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    grace = await _grace(runtime, now)
    alice = await _ask(runtime, now)
    async with runtime.sessions.write() as session:
        await subscriptions.unsubscribe(session, grace, topic=Topic.SOUNDING_BOARD, reason="asked", now=now)
        await merging.confirm(session, resident_id=alice, address=GRACE, now=now)
        assert await cast.held(session, alice) == {"surveys/telegram", "digest/email"}


@pytest.mark.parametrize(("answer", "is_on"), [(None, True), (True, True), (False, False)])
async def test_the_wish_of_a_form_waits_for_a_sign_up_that_is_not_finished(
    runtime: Runtime, now: datetime, answer: bool | None, is_on: bool
) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        bob = await signup.begin(session, telegram_id=cast.BOB, first_name="Bob", language="en", now=now)
        signup.agree(session, bob, wording=cast.WORDING, now=now)
        bob.was_asked_email, bob.email, bob.email_confirmed_at = True, GRACE, now
        draft = Resident(status=ResidentStatus.DRAFT, created_at=now, email_to_confirm=GRACE, wants_board=True)
        session.add(draft)
        await session.flush()
        await merging.confirm(session, resident_id=draft.id, address=GRACE, now=now)
        assert (bob.status, bob.wants_board) == (ResidentStatus.DRAFT, True)
        await wards.by_postcode(session, bob, "SR6 0NB", on=now.date())
        if answer is not None:
            await signup.answer_board(session, bob, joins=answer, now=now)
        assert await signup.finish(session, bob, now=now)
        assert ("sounding_board/telegram" in await cast.held(session, bob.id)) is is_on
