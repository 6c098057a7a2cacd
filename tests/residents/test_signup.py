"""Sign-up: what to ask next follows from what is missing, and nobody is ever in twice."""

import asyncio
from datetime import datetime

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from intouch.residents import finding, signup, wards
from intouch.residents.models import Consent, Resident, ResidentStatus, WardSource
from intouch.residents.signup import Step, next_step
from intouch.runtime import Runtime
from tests.conftest import NOW
from tests.residents import cast


async def test_the_steps_come_one_after_another(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        resident = await signup.begin(session, telegram_id=cast.ALICE, first_name="Alice", language="en", now=now)
        assert next_step(resident) is Step.CONSENT
        signup.agree(session, resident, wording=cast.WORDING, now=now)
        assert next_step(resident) is Step.WARD
        await wards.by_postcode(session, resident, "sr5 2aa", on=now.date())
        assert next_step(resident) is Step.EMAIL
        resident.was_asked_email = True
        assert next_step(resident) is Step.BOARD
        assert not await signup.finish(session, resident, now=now)
        await signup.answer_board(session, resident, joins=True, now=now)
        assert await signup.finish(session, resident, now=now)
        assert next_step(resident) is Step.DONE
        assert not await signup.finish(session, resident, now=now)
        assert await cast.held(session, resident.id) == {"surveys/telegram", "sounding_board/telegram"}


async def test_consent_is_recorded_once_with_its_wording_and_time(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        resident = await signup.begin(session, telegram_id=cast.ALICE, first_name="Alice", language="en", now=now)
        for _ in range(2):
            signup.agree(session, resident, wording=cast.WORDING, now=now)
    async with runtime.sessions.read() as session:
        consents = list(await session.scalars(sa.select(Consent)))
        assert [(consent.wording, consent.given_at) for consent in consents] == [(cast.WORDING, now)]


async def test_two_starts_at_once_make_one_resident(runtime: Runtime, now: datetime) -> None:
    async def start() -> int:
        async with runtime.sessions.write() as session:
            return (await signup.begin(session, telegram_id=cast.ALICE, first_name="Alice", language="en", now=now)).id

    ids = await asyncio.gather(*(start() for _ in range(8)))
    assert len(set(ids)) == 1
    async with runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Resident)) == 1


async def test_a_link_proposes_a_ward_and_never_overrules_the_persons_own(runtime: Runtime, now: datetime) -> None:
    southwick, fulwell, _ = await cast.city(runtime)
    async with runtime.sessions.write() as session:
        resident = await signup.begin(session, telegram_id=cast.ALICE, first_name="Alice", language="en", now=now)
        signup.prefill_ward(resident, southwick)
        assert next_step(resident) is Step.CONSENT
        signup.agree(session, resident, wording=cast.WORDING, now=now)
        assert next_step(resident) is Step.CONFIRM_WARD
        wards.refuse(resident)
        assert next_step(resident) is Step.WARD
        signup.prefill_ward(resident, southwick)
        wards.confirm(resident)
        assert (resident.ward_source, next_step(resident)) == (WardSource.CHOSEN, Step.EMAIL)
        signup.prefill_ward(resident, fulwell)
        assert resident.ward_id == southwick.id


async def test_stopping_ends_everything_and_coming_back_asks_for_consent_anew(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        resident = await cast.alice(session, now=now)
        for _ in range(2):
            await signup.stop(session, resident, now=now)
        assert resident.status is ResidentStatus.STOPPED
        assert await cast.held(session, resident.id) == set()
        again = await signup.begin(session, telegram_id=cast.ALICE, first_name="Alice", language="en", now=now)
        assert again.id == resident.id
        assert next_step(again) is Step.CONSENT
        signup.agree(session, again, wording="Newer words.", now=now)
        assert next_step(again) is Step.EMAIL
        again.was_asked_email = True
        await signup.answer_board(session, again, joins=False, now=now)
        assert await signup.finish(session, again, now=now)
        assert await cast.held(session, again.id) == {"surveys/telegram"}
        consents = list(await session.scalars(sa.select(Consent).order_by(Consent.id)))
        assert [(one.wording, one.withdrawn_at) for one in consents] == [(cast.WORDING, now), ("Newer words.", None)]


async def test_of_somebody_who_declines_nothing_is_kept(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        resident = await signup.begin(session, telegram_id=cast.ALICE, first_name="Alice", language="en", now=now)
        await signup.decline(session, resident, now=now)
    async with runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Resident)) == 0


async def test_the_number_of_a_deleted_sign_up_is_never_given_to_somebody_else(runtime: Runtime, now: datetime) -> None:
    async with runtime.sessions.write() as session:
        first = await signup.begin(session, telegram_id=cast.ALICE, first_name="Alice", language="en", now=now)
        await signup.decline(session, first, now=now)
        second = await signup.begin(session, telegram_id=cast.BOB, first_name="Bob", language="en", now=now)
        assert second.id > first.id
        assert (await finding.resident(session, second.id)).first_name == "Bob"


async def test_a_place_is_kept_to_about_ten_metres(runtime: Runtime, now: datetime) -> None:
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        resident = await cast.alice(session, now=now)
        await wards.by_place(session, resident, longitude=-1.512345678, latitude=54.512345678, on=now.date())
        assert (resident.longitude, resident.latitude, resident.postcode) == (-1.5123, 54.5123, None)


_maybe = st.none() | st.just(NOW)


@given(
    st.builds(
        Resident,
        status=st.sampled_from([ResidentStatus.DRAFT, ResidentStatus.STOPPED, ResidentStatus.ACTIVE]),
        consented_at=_maybe,
        ward_id=st.none() | st.just(3),
        ward_source=st.none() | st.sampled_from(WardSource),
        was_asked_email=st.booleans(),
        was_asked_board=st.booleans(),
    )
)
def test_every_half_done_sign_up_has_one_next_step_and_nobody_is_done_without_consent_and_ward(resident: Resident) -> None:
    step = next_step(resident)
    if step is Step.DONE:
        assert resident.ward_id is not None
        assert resident.status is ResidentStatus.ACTIVE or (resident.consented_at and resident.was_asked_email and resident.was_asked_board)
