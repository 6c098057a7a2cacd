"""Questions: the demo's surveys: a closed one with answers, an open one, and one that is ready to be launched."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council.models import Officer
from intouch.demo import cast, city, invented
from intouch.outbox.models import Delivery, State
from intouch.places.models import Ward
from intouch.residents.models import Resident
from intouch.surveys import launch
from intouch.surveys.models import Answer, AnswerKind, Invitation, Option, Question, QuestionType, Response, Survey, SurveyStatus
from intouch.surveys.plan import QuestionPlan, SurveyPlan

_SHARE_OF_BUSY_WARDS, _SHARE_ELSEWHERE = 0.7, 0.4
_WORDS = ("More bins, please.", "The benches are lovely.", "Light the path at night.", "Thank you for asking.", "Keep the old trees.")


def _closing(now: datetime, days: int) -> datetime:
    # Six in the evening, as officers choose, and not the minute at which the demo was started.
    return (now + timedelta(days=days)).astimezone(city.ZONE).replace(hour=18, minute=0, second=0, microsecond=0)


def _closed(now: datetime) -> SurveyPlan:
    return SurveyPlan(
        title="Parks and play areas",
        why="There is money for one improvement in each ward's parks next spring.",
        closes_at=_closing(now, 18),
        questions=(
            QuestionPlan("What would make your nearest park better?", QuestionType.SINGLE, ("Play areas", "Paths and lighting", "Trees")),
            QuestionPlan("How safe do you feel there after dark?", QuestionType.SCALE),
            QuestionPlan("Anything else we should know about it?", QuestionType.TEXT),
        ),
    )


def _open(now: datetime) -> SurveyPlan:
    return SurveyPlan(
        title="Buses in the evening",
        why="The council talks with the bus companies about the new timetable in December.",
        closes_at=_closing(now, 10),
        questions=(
            QuestionPlan("Should the last bus run later than now?", QuestionType.SINGLE, ("Yes, every day", "Yes, at weekends", "No")),
            QuestionPlan("What keeps you from taking the bus?", QuestionType.MULTIPLE, ("The fare", "It is late", "It is full", "Nothing")),
        ),
    )


def example(now: datetime, number: int) -> SurveyPlan:
    """The survey behind "launch a pulse"; ``number`` tells repeated ones apart."""
    asked = (
        ("Bins in the holidays", "When should bins be emptied in the holiday week?", ("One day later", "One day earlier", "Not at all")),
        ("Market day", "On which day should the market be?", ("Friday", "Saturday", "Sunday")),
        ("Library hours", "When should the library stay open longer?", ("Weekday evenings", "Saturdays", "It is fine as it is")),
    )
    title, text, options = asked[number % len(asked)]
    return SurveyPlan(
        title=title,
        why="It is decided next month, and it should fit most people.",
        closes_at=_closing(now, 7),
        questions=(QuestionPlan(text, QuestionType.SINGLE, options), QuestionPlan("How much does it matter to you?", QuestionType.SCALE)),
    )


async def surveys(session: AsyncSession, *, now: datetime) -> None:
    """One survey that closed three days ago and is published, one that has been open for two days."""
    chance = random.Random(invented.SEED + 3)
    officer_id = (await session.scalars(sa.select(Officer.id).limit(1))).one()
    closed = await _launched(session, _closed(now - timedelta(days=21)), officer_id, now - timedelta(days=21))
    await _answers(session, chance, closed, share=1.0)
    ended_at = now - timedelta(days=3)
    closed.status, closed.closes_at, closed.closed_at, closed.published_at = SurveyStatus.PUBLISHED, ended_at, ended_at, ended_at
    await session.execute(sa.update(Response).where(Response.survey_id == closed.id).values(thanked_at=ended_at))
    running = await _launched(session, _open(now), officer_id, now - timedelta(days=2))
    await _answers(session, chance, running, share=0.4)
    await _settle_history(session, now)


async def _launched(session: AsyncSession, plan: SurveyPlan, officer_id: int, then: datetime) -> Survey:
    survey = await launch.create(session, plan, officer_id=officer_id, now=then)
    await launch.launch(session, survey.id, now=then)
    return survey


async def _settle_history(session: AsyncSession, now: datetime) -> None:
    """What went out before today is no longer on its way; only the cast's newest invitations still are."""
    newest = await session.scalar(sa.select(sa.func.max(Survey.id)))
    players = sa.select(Resident.id).where(Resident.first_name.in_(member.name for member in cast.CAST))
    waiting = [f"invite:{newest}:{resident}" for resident in await session.scalars(players)]
    history = sa.update(Delivery).where(Delivery.key.not_in(waiting))
    await session.execute(history.values(state=State.SENT, tries=1, settled_at=now))
    await session.execute(sa.update(Delivery).where(Delivery.key.in_(waiting)).values(due_at=now))


async def _answers(session: AsyncSession, chance: random.Random, survey: Survey, *, share: float) -> None:
    """Answers of the invented residents who were asked: many in busy wards, few in the others."""
    busy = set(await session.scalars(sa.select(Ward.id).where(Ward.name.in_(invented.BUSY_WARDS))))
    asked = sa.select(Invitation).join(Resident, Resident.id == Invitation.resident_id).where(Invitation.survey_id == survey.id)
    players = [member.telegram_id for member in cast.CAST if member.telegram_id]
    others = asked.where(sa.func.coalesce(Resident.telegram_id, 0).not_in(players), Resident.email.is_distinct_from(cast.GRACE.email))
    responses = [
        _response(chance, invitation)
        for invitation in await session.scalars(others.order_by(Invitation.id))
        if chance.random() < share * (_SHARE_OF_BUSY_WARDS if invitation.ward_id in busy else _SHARE_ELSEWHERE)
    ]
    session.add_all(responses)
    await session.flush()
    asked_about = await _questions(session, survey.id)
    await session.execute(sa.insert(Answer), [row for response in responses for row in _rows(chance, asked_about, response)])


def _response(chance: random.Random, invitation: Invitation) -> Response:
    at = invitation.invited_at + timedelta(minutes=chance.randint(1, 2000))
    fields = {"survey_id": invitation.survey_id, "resident_id": invitation.resident_id, "ward_id": invitation.ward_id}
    return Response(**fields, started_at=at, updated_at=at, finished_at=at)


async def _questions(session: AsyncSession, survey_id: int) -> list[tuple[Question, list[int]]]:
    """The questions in order, each with the ids of its options."""
    found = list(await session.scalars(sa.select(Question).where(Question.survey_id == survey_id).order_by(Question.position)))
    options = list(
        await session.scalars(sa.select(Option).where(Option.question_id.in_(one.id for one in found)).order_by(Option.position))
    )
    return [(question, [option.id for option in options if option.question_id == question.id]) for question in found]


def _rows(chance: random.Random, questions: Sequence[tuple[Question, list[int]]], response: Response) -> list[dict[str, object]]:
    return [
        {"response_id": response.id, "question_id": question.id, "answered_at": response.started_at, "words": None, **said}
        for question, options in questions
        for said in _said(chance, question.type, options, response.ward_id)
    ]


def _said(chance: random.Random, kind: QuestionType, options: list[int], ward_id: int) -> list[dict[str, object]]:
    if chance.random() < 0.05:
        return [{"kind": AnswerKind.DONT_KNOW, "choice": 0}]
    if kind is QuestionType.SCALE:
        return [{"kind": AnswerKind.SCALE, "choice": chance.choices(range(1, 6), (1, 2, 3, 4, 3))[0]}]
    if kind is QuestionType.TEXT:
        is_said = chance.random() < 0.2
        return [
            {"kind": AnswerKind.TEXT, "choice": 0, "words": chance.choice(_WORDS)} if is_said else {"kind": AnswerKind.SKIP, "choice": 0}
        ]
    # Wards differ in what they like best, but not wildly.
    liked = [3 + (place + ward_id) % len(options) for place in range(len(options))]
    if kind is QuestionType.MULTIPLE:
        chosen = {chance.choices(options, liked)[0] for _ in range(2)}
        return [{"kind": AnswerKind.OPTION, "choice": choice} for choice in sorted(chosen)]
    return [{"kind": AnswerKind.OPTION, "choice": chance.choices(options, liked)[0]}]
