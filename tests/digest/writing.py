"""Writing: notices, reports and surveys put straight into the tables, for tests of what editions say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from intouch.council.models import Notice, NoticeWard
from intouch.issues.models import IssueReport, IssueStatus, IssueUpdate
from intouch.runtime import Runtime
from intouch.surveys.models import (
    Answer,
    AnswerKind,
    Invitation,
    Option,
    Question,
    QuestionType,
    Response,
    Survey,
    SurveyStatus,
)


async def notice(
    runtime: Runtime,
    title: str,
    *,
    on: date,
    ward_id: int | None,
    created_at: datetime,
    url: str = "",
    text: str = "Buses stop elsewhere.",
) -> None:
    async with runtime.sessions.write() as session:
        made = Notice(kind="roadworks", title=title, text=text, starts_on=on, url=url, created_at=created_at)
        session.add(made)
        await session.flush()
        if ward_id is not None:
            session.add(NoticeWard(notice_id=made.id, ward_id=ward_id))


async def report(
    runtime: Runtime,
    reference: str,
    ward_id: int,
    *,
    at: datetime,
    status: IssueStatus = IssueStatus.REPORTED,
    fixed_at: datetime | None = None,
) -> None:
    async with runtime.sessions.write() as session:
        made = IssueReport(
            reference=reference,
            status=status,
            category="litter",
            description="Private words of a resident",
            place="Church Bank",
            ward_id=ward_id,
            created_at=at,
            reported_at=at,
            changed_at=at,
            fixed_at=fixed_at,
        )
        session.add(made)
        await session.flush()
        if fixed_at:
            session.add(IssueUpdate(report_id=made.id, status=IssueStatus.FIXED, note="Swept on Tuesday.", updated_at=fixed_at))


async def survey(
    runtime: Runtime,
    *,
    opened_at: datetime,
    title: str = "A crossing at the Green",
    closed_at: datetime | None = None,
    ward_codes: list[str] | None = None,
    kind: QuestionType = QuestionType.SINGLE,
    for_board: bool = False,
    answers: Mapping[int, tuple[int, int]] | None = None,
    asked: int = 0,
) -> int:
    """A survey of one question, Yes or No; ``answers``: per ward, how many said Yes and No; ``asked`` more people per ward did not."""
    async with runtime.sessions.write() as session:
        made = Survey(
            status=SurveyStatus.CLOSED if closed_at else SurveyStatus.OPEN,
            title=title,
            why="We can paint one this year.",
            ward_codes=ward_codes or [],
            is_for_sounding_board=for_board,
            opens_at=opened_at,
            closes_at=closed_at or opened_at + timedelta(days=30),
            created_at=opened_at,
            launched_at=opened_at,
            closed_at=closed_at,
        )
        session.add(made)
        await session.flush()
        question = Question(survey_id=made.id, position=1, text="Do you want a zebra crossing?", type=kind)
        session.add(question)
        await session.flush()
        options = [Option(question_id=question.id, position=at, text=text) for at, text in enumerate(("Yes", "No"), 1)]
        session.add_all(options)
        await session.flush()
        for ward_id, numbers in (answers or {}).items():
            session.add_all(Invitation(survey_id=made.id, ward_id=ward_id, invited_at=opened_at) for _ in range(sum(numbers) + asked))
            for option, number in zip(options, numbers, strict=True):
                for _ in range(number):
                    response = Response(
                        survey_id=made.id, ward_id=ward_id, started_at=opened_at, updated_at=opened_at, finished_at=opened_at
                    )
                    session.add(response)
                    await session.flush()
                    session.add(
                        Answer(
                            response_id=response.id,
                            question_id=question.id,
                            kind=AnswerKind.OPTION,
                            choice=option.id,
                            answered_at=opened_at,
                        )
                    )
        return made.id
