"""World: a resident with something in every room, so that export and erasure have everything to find."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council.models import ResponseTeam
from intouch.issues.models import IssuePhoto, IssueReport, IssueStatus, IssueUpdate
from intouch.outbox import enqueue
from intouch.outbox.models import DeadAddress, Lane, Road
from intouch.residents import dialogues, wards
from intouch.residents.models import DialogueKind, Resident
from intouch.runtime import Runtime
from intouch.surveys.models import Answer, AnswerKind, Invitation, Option, Question, QuestionType, Response, Survey, SurveyStatus
from tests.residents import cast

TELEGRAM_ID = 73_191_118
NAME, EMAIL, POSTCODE = "Aloysia", "aloysia@example.org", "SR52AA"
ANSWER, REPORT, PLACE, NOTE = "my neighbour Zebedee says no", "the lamp by my bedroom", "behind number 17", "Dear Aloysia, it is mended"


async def survey(session: AsyncSession, now: datetime, *, status: SurveyStatus = SurveyStatus.OPEN) -> Survey:
    """One question to choose from and one for words."""
    made = Survey(title="Bins", why="They may change.", status=status, ward_codes=[], created_at=now, launched_at=now, opens_at=now)
    session.add(made)
    await session.flush()
    single = Question(survey_id=made.id, position=1, text="Mondays?", type=QuestionType.SINGLE)
    words = Question(survey_id=made.id, position=2, text="Why?", type=QuestionType.TEXT)
    session.add_all([single, words])
    await session.flush()
    session.add_all([Option(question_id=single.id, position=1, text="Yes"), Option(question_id=single.id, position=2, text="No")])
    await session.flush()
    return made


async def answer(session: AsyncSession, asked: Survey, resident: Resident, now: datetime, *, words: str = ANSWER) -> Response:
    """The resident was invited and answered both questions."""
    assert resident.ward_id is not None
    questions = {one.type: one for one in await session.scalars(sa.select(Question).where(Question.survey_id == asked.id))}
    session.add(Invitation(survey_id=asked.id, resident_id=resident.id, ward_id=resident.ward_id, invited_at=now))
    response = Response(
        survey_id=asked.id, resident_id=resident.id, ward_id=resident.ward_id, started_at=now, updated_at=now, finished_at=now
    )
    session.add(response)
    await session.flush()
    single, text = questions[QuestionType.SINGLE], questions[QuestionType.TEXT]
    yes = (await session.scalars(sa.select(Option.id).where(Option.question_id == single.id, Option.text == "Yes"))).one()
    session.add_all(
        [
            Answer(response_id=response.id, question_id=single.id, kind=AnswerKind.OPTION, choice=yes, answered_at=now),
            Answer(response_id=response.id, question_id=text.id, kind=AnswerKind.TEXT, choice=0, words=words, answered_at=now),
        ]
    )
    await session.flush()
    return response


async def report(session: AsyncSession, resident: Resident, now: datetime) -> IssueReport:
    """The resident reported a lamp with a photo, and it was fixed."""
    made = IssueReport(
        reference="SR-7K3M2",
        status=IssueStatus.FIXED,
        resident_id=resident.id,
        category="light",
        description=REPORT,
        place=PLACE,
        longitude=-2.5,
        latitude=54.5,
        ward_id=resident.ward_id,
        created_at=now,
        reported_at=now,
        changed_at=now,
        fixed_at=now,
    )
    session.add_all([made, ResponseTeam(name="North")])
    await session.flush()
    session.add(IssuePhoto(report_id=made.id, digest="d", jpeg=b"\xff\xd8" + REPORT.encode(), width=1, height=1, added_at=now))
    session.add(IssueUpdate(report_id=made.id, status=IssueStatus.FIXED, note=NOTE, updated_at=now))
    await session.flush()
    return made


async def aloysia(runtime: Runtime, now: datetime) -> int:
    """The number of a resident with rows in every room."""
    await cast.city(runtime)
    async with runtime.sessions.write() as session:
        resident = await cast.alice(session, now=now, telegram_id=TELEGRAM_ID, name=NAME)
        await cast.with_email(session, runtime, resident, EMAIL, now=now)
        await wards.by_place(session, resident, longitude=-2.5, latitude=54.5, on=now.date())
        await wards.by_postcode(session, resident, POSTCODE, on=now.date())
        await answer(session, await survey(session, now), resident, now)
        await report(session, resident, now)
        await dialogues.begin(session, TELEGRAM_ID, DialogueKind.SURVEY, 1, now=now)
        owner = f"resident:{resident.id}"
        payload = {"text": f"Thank you, {NAME}: {ANSWER}"}
        common = {"kind": "message", "road": Road.TELEGRAM, "lane": Lane.NOTICE, "address": str(TELEGRAM_ID), "payload": payload}
        await enqueue.enqueue(session, enqueue.Draft(key="outcome:1:1", owner=owner, due_at=now, **common))
        await enqueue.enqueue(session, enqueue.Draft(key="reply:7:0", due_at=now, **common))
        session.add(DeadAddress(road=Road.TELEGRAM, address=str(TELEGRAM_ID), reason="403", died_at=now))
        return resident.id
