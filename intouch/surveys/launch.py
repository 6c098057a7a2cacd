"""Launch: storing a survey, counting whom it reaches, opening it and inviting everybody in a few statements."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.errors import BadInput, Closed, NotFound
from intouch.outbox.models import Delivery, Lane, State
from intouch.places import lookup
from intouch.places.models import Area, Ward
from intouch.residents.models import Resident
from intouch.storage.columns import BigKey, UtcDateTime, text_enum
from intouch.storage.inserting import insert, insert_ignoring
from intouch.surveys import audience, grouping
from intouch.surveys.models import Invitation, Option, Question, Survey, SurveyStatus
from intouch.surveys.plan import QuestionPlan, SurveyPlan

INVITATION = "survey.invitation"


class AlreadyLaunched(Closed):
    """The same file was launched before; ``survey_id`` is the survey it became."""

    def __init__(self, survey_id: int) -> None:
        self.survey_id = survey_id
        super().__init__(f"This file was launched already, as survey {survey_id}. Change the file to ask something new.")


async def create(session: AsyncSession, plan: SurveyPlan, *, officer_id: int | None = None, now: datetime) -> Survey:
    """Store the plan as a draft; ``BadInput`` when its audience does not exist or it would have closed already."""
    _check_closing(plan.closes_at, now)
    row = {
        "status": SurveyStatus.DRAFT,
        "title": plan.title,
        "why": plan.why,
        "ward_codes": await _ward_codes(session, plan, now=now),
        "is_for_sounding_board": plan.is_for_sounding_board,
        "is_audience_chosen": True,
        "opens_at": plan.opens_at,
        "closes_at": plan.closes_at,
        "officer_id": officer_id,
        "file_hash": plan.file_hash,
        "created_at": now,
    }
    survey = await _store(session, row)
    await add_questions(session, survey.id, plan.questions)
    return survey


async def _store(session: AsyncSession, row: dict[str, Any]) -> Survey:
    if row["file_hash"] is None:
        survey = Survey(**row)
        session.add(survey)
        await session.flush()
        return survey
    # Two processes may be given the same file at once: the unique key decides which of them stores it.
    is_new = await insert_ignoring(session, Survey, [row], conflict=["file_hash"])
    stored = (await session.scalars(sa.select(Survey).where(Survey.file_hash == row["file_hash"]))).one()
    if not is_new:
        raise AlreadyLaunched(stored.id)
    return stored


async def add_questions(session: AsyncSession, survey_id: int, questions: tuple[QuestionPlan, ...]) -> None:
    """Store questions and their options, in order."""
    for position, plan in enumerate(questions, start=1):
        question = Question(survey_id=survey_id, position=position, text=plan.text, type=plan.type)
        session.add(question)
        await session.flush()
        session.add_all(Option(question_id=question.id, position=place, text=text) for place, text in enumerate(plan.options, start=1))
    await session.flush()


async def _ward_codes(session: AsyncSession, plan: SurveyPlan, *, now: datetime) -> list[str]:
    in_force = await lookup.wards(session, on=max(now, plan.opens_at or now).date())
    areas = {area.name.casefold(): area for area in await session.scalars(sa.select(Area))}
    _refuse_unknown("audience.wards", [code for code in plan.wards if code.upper() not in {ward.code for ward in in_force}], "ward")
    _refuse_unknown("audience.areas", [name for name in plan.areas if name.casefold() not in areas], "area")
    area_ids = {areas[name.casefold()].id for name in plan.areas}
    codes = {code.upper() for code in plan.wards}
    found = sorted(ward.code for ward in in_force if ward.code in codes or ward.area_id in area_ids)
    if (plan.wards or plan.areas) and not found:
        raise BadInput("audience.areas: none of these areas has a ward. Choose an area with wards, or leave audience out.")
    return found


def _refuse_unknown(key: str, unknown: list[str], thing: str) -> None:
    if unknown:
        names = ", ".join(unknown)
        raise BadInput(f"{key}: there is no {thing} {names} in force on the day the survey opens. Check how it is written.")


def _check_closing(closes_at: datetime | None, now: datetime) -> None:
    if closes_at is None:
        raise BadInput("closes: say when the survey closes.")
    if closes_at <= now:
        raise BadInput("closes: that moment has passed already. Write a later date.")


async def reach(session: AsyncSession, survey: Survey, *, now: datetime) -> int:
    """How many people would be sent an invitation if the survey opened at ``now``."""
    query = sa.select(sa.func.count()).select_from(Resident).where(audience.invited_now(survey, now=now))
    return await session.scalar(query) or 0


async def invited(session: AsyncSession, survey_id: int) -> int:
    """How many people were asked so far."""
    query = sa.select(sa.func.count()).select_from(Invitation).where(Invitation.survey_id == survey_id)
    return await session.scalar(query) or 0


async def locked(session: AsyncSession, survey_id: int) -> Survey:
    """The survey, held so that nobody else opens or closes it until this transaction ends."""
    survey = await session.get(Survey, survey_id, with_for_update=True, populate_existing=True)
    if survey is None:
        raise NotFound(f"There is no survey {survey_id}. `intouch survey list` shows them all.")
    return survey


async def launch(session: AsyncSession, survey_id: int, *, now: datetime) -> int:
    """Open the survey, or put it down to open later; the number of people this call invited, 0 when it was launched before."""
    survey = await locked(session, survey_id)
    if survey.status is SurveyStatus.OPEN or (survey.status is SurveyStatus.DRAFT and survey.launched_at is not None):
        return 0
    if survey.status is SurveyStatus.CANCELLED:
        raise Closed("This survey was cancelled before it opened. Make a new one to ask.")
    if survey.status is not SurveyStatus.DRAFT:
        raise Closed("This survey has closed already. Make a new one to ask again.")
    _check_closing(survey.closes_at, now)
    if await session.scalar(sa.select(Question.id).where(Question.survey_id == survey_id).limit(1)) is None:
        raise BadInput("This survey has no question yet. Write one first.")
    survey.launched_at = now
    return 0 if survey.opens_at and survey.opens_at > now else await _open(session, survey, now=now)


async def open_due(session: AsyncSession, *, now: datetime) -> int:
    """Open the surveys that were launched for a moment that has come; how many opened."""
    due = sa.select(Survey).where(Survey.status == SurveyStatus.DRAFT, Survey.launched_at.is_not(None), Survey.opens_at <= now)
    opened = 0
    for survey in await session.scalars(due.with_for_update(skip_locked=True).execution_options(populate_existing=True)):
        if survey.closes_at and survey.closes_at <= now:
            # Nobody could have answered any more: the process was down for all of the time it should have been open.
            survey.status, survey.closed_at = SurveyStatus.CLOSED, now
        else:
            await _open(session, survey, now=now)
            opened += 1
    return opened


async def _open(session: AsyncSession, survey: Survey, *, now: datetime) -> int:
    survey.status = SurveyStatus.OPEN
    survey.opens_at = survey.opens_at or now
    await session.flush()
    await grouping.keep(session, survey.id)
    invited = await _invite(session, survey, now=now)
    await _enqueue_invitations(session, survey, now=now)
    return invited


async def _invite(session: AsyncSession, survey: Survey, *, now: datetime) -> int:
    asked = sa.select(sa.literal(survey.id, BigKey), Resident.id, Resident.ward_id, sa.literal(now, UtcDateTime()))
    statement = insert(session, Invitation).from_select(
        ["survey_id", "resident_id", "ward_id", "invited_at"], asked.where(audience.invited_now(survey, now=now))
    )
    result = await session.execute(statement.on_conflict_do_nothing(index_elements=["survey_id", "resident_id"]))
    return cast("sa.CursorResult[Any]", result).rowcount


async def _enqueue_invitations(session: AsyncSession, survey: Survey, *, now: datetime) -> None:
    topic = audience.topic_of(survey)
    reached = sa.and_(Invitation.survey_id == survey.id, sa.or_(audience.by_telegram(topic), audience.by_email(topic)))
    people = sa.join(Invitation, Resident, Invitation.resident_id == Resident.id)
    await enqueue_to(session, kind=INVITATION, prefix="invite", survey_id=survey.id, chosen=(people, reached, (topic,)), now=now)


async def enqueue_to(session: AsyncSession, *, kind: str, prefix: str, survey_id: int, chosen: tuple[Any, Any, Any], now: datetime) -> int:
    """Queue one delivery of ``kind`` for each resident that ``chosen`` (join, condition, topics) finds, in one statement."""
    people, condition, topics = chosen
    number = sa.cast(Resident.id, sa.Text)
    moment = sa.literal(now, UtcDateTime())
    columns: dict[str, sa.ColumnElement[Any]] = {
        "key": sa.literal(f"{prefix}:{survey_id}:", sa.Text).concat(number),
        "kind": sa.literal(kind, sa.Text),
        "road": audience.road(*topics),
        "lane": sa.literal(Lane.BULK, text_enum(Lane)),
        "address": audience.address(*topics),
        "payload": sa.literal({"survey_id": survey_id}, sa.JSON()),
        "owner": sa.literal("resident:", sa.Text).concat(number),
        "batch": sa.literal(f"survey:{survey_id}", sa.Text),
        "state": sa.literal(State.QUEUED, text_enum(State)),
        "due_at": moment,
        "created_at": moment,
    }
    rows = sa.select(*columns.values()).select_from(people).where(condition)
    statement = insert(session, Delivery).from_select(list(columns), rows).on_conflict_do_nothing(index_elements=["key"])
    return cast("sa.CursorResult[Any]", await session.execute(statement)).rowcount


async def asked_names(session: AsyncSession, survey: Survey) -> list[str]:
    """Whom the survey asks, as names of areas where all their wards are in it, else of wards; empty: the whole city."""
    chosen = list(await session.scalars(sa.select(Ward).where(Ward.code.in_(survey.ward_codes)).order_by(Ward.name)))
    area_ids = {ward.area_id for ward in chosen if ward.area_id is not None}
    named: list[str] = []
    for area in await session.scalars(sa.select(Area).where(Area.id.in_(area_ids)).order_by(Area.name)):
        whole = set(await session.scalars(sa.select(Ward.code).where(Ward.area_id == area.id, Ward.valid_to.is_(None))))
        if whole <= set(survey.ward_codes):
            named.append(area.name)
            chosen = [ward for ward in chosen if ward.code not in whole]
    return named + [ward.name for ward in chosen]
