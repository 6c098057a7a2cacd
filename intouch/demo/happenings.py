"""Happenings: the demo's notices for the next two weeks, and reports that residents made before today."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council.models import Notice, NoticeWard, ResponseTeam
from intouch.demo import cast, city, invented
from intouch.issues import references
from intouch.issues.models import IssueReport, IssueStatus, IssueUpdate
from intouch.places.models import Ward
from intouch.residents.models import Resident

REPORTS_PER_WARD = 3

# kind, title, text, wards (none: the whole city), first day and last day counted from today
_NOTICES: tuple[tuple[str, str, str, tuple[str, ...], int, int], ...] = (
    ("event", "Ask your councillors", "Tea, cake and your ward councillors in the library, from 10 am to noon.", ("Southwick",), 8, 8),
    (
        "roadworks",
        "New crossing by the school",
        "One lane is closed, with traffic lights, while a crossing is built.",
        ("Southwick",),
        3,
        12,
    ),
    (
        "planning",
        "24 homes on the old depot",
        "Plans for 24 homes and a small park. You can comment until the last day.",
        ("Southwick",),
        0,
        13,
    ),
    ("works", "Sea wall repairs", "The lower promenade is closed for repairs. The upper one stays open.", ("Roker", "Fulwell"), 1, 13),
    ("event", "Winter lights walk", "A walk with lanterns along the sea front, from 5 pm. Free; dogs welcome.", ("Roker",), 9, 9),
    ("licensing", "A café asks to open until 11 pm", "You can say what you think of it until the last day.", ("Fulwell",), 0, 11),
    (
        "roadworks",
        "Gas main replacement",
        "The road is closed at night, from 8 pm to 6 am.",
        ("Washington Central", "Washington East"),
        2,
        10,
    ),
    ("planning", "A new health centre", "Plans for a health centre with 40 parking places.", ("Hetton",), 1, 13),
    ("works", "Play area: new swings", "The play area is closed while new swings are put in.", ("Pallion & Ford",), 4, 9),
    ("event", "Repair café", "Bring what is broken and mend it together with people who know how.", ("Ryhope", "Grangetown"), 6, 6),
    ("roadworks", "Bus lane painted anew", "Buses stop 50 metres further on.", ("Barnes & Thornhill",), 5, 6),
    ("event", "Tree planting day", "A hundred young trees need hands. Spades are there.", ("Redhouse", "Hylton Castle"), 7, 7),
    ("works", "Bins at the holidays", "Bins are emptied one day later in the last week of the year.", (), 10, 13),
    ("event", "Council meeting", "Open to everybody, at 6 pm in the City Hall. You can ask a question.", (), 11, 11),
)
_SEEN = (
    ("litter", "Rubbish all over the grass by the bus stop"),
    ("graffiti", "Paint on the wall of the underpass"),
    ("fly-tipping", "An old sofa and two mattresses in the lane"),
    ("dog-fouling", "Every morning on the path to the school"),
    ("street-light", "The lamp has been dark for a week"),
    ("pothole", "Deep hole next to the drain, bikes swerve around it"),
)
_PLACES = ("by the bus stop", "behind the shops", "near the school gate", "at the end of the lane", "beside the play area")
_NOTES = {
    IssueStatus.IN_PROGRESS: "We have been to look at it and will be back this week.",
    IssueStatus.FIXED: "Done. Thank you for telling us.",
    IssueStatus.CLOSED: "This is on private land, so we have written to the owner.",
}
_HISTORIES = (
    (),
    (IssueStatus.IN_PROGRESS,),
    (IssueStatus.IN_PROGRESS, IssueStatus.FIXED),
    (IssueStatus.FIXED,),
    (IssueStatus.CLOSED,),
)


async def notices(session: AsyncSession, wards: Mapping[str, Ward], *, today: date, now: datetime) -> None:
    """What is on in the next fourteen days."""
    for kind, title, text, names, first, last in _NOTICES:
        days = {"starts_on": today + timedelta(days=first), "ends_on": today + timedelta(days=last)}
        notice = Notice(kind=kind, title=title, text=text, url="", created_at=now - timedelta(days=1), **days)
        session.add(notice)
        await session.flush()
        session.add_all(NoticeWard(notice_id=notice.id, ward_id=wards[name].id) for name in names)


async def reports(session: AsyncSession, wards: Mapping[str, Ward], *, now: datetime) -> None:
    """Reports in every state; one of Alice's that was fixed and one of Bob's that is being looked at."""
    chance = random.Random(invented.SEED + 2)
    teams = {team.area_id: team.id for team in await session.scalars(sa.select(ResponseTeam))}
    found = await session.execute(sa.select(Resident.ward_id, Resident.id, Resident.telegram_id).order_by(Resident.id))
    reporters = [(row.ward_id, row.id) for row in found if row.telegram_id not in (cast.ALICE.telegram_id, cast.BOB.telegram_id)]
    plans: list[_Plan] = []
    for tile in city.TILES:
        neighbours = [resident_id for ward_id, resident_id in reporters if ward_id == wards[tile.name].id]
        for _ in range(REPORTS_PER_WARD):
            history = chance.choice(_HISTORIES)
            plans.append(_Plan(tile, chance.choice(neighbours), *chance.choice(_SEEN), history, days_ago=chance.randint(1, 20)))
    plans.append(_Plan(city.tile(cast.ALICE.ward), await _id_of(session, cast.ALICE), *_SEEN[0], _HISTORIES[3], days_ago=6))
    plans.append(_Plan(city.tile(cast.BOB.ward), await _id_of(session, cast.BOB), *_SEEN[5], _HISTORIES[1], days_ago=4))
    for number, plan in enumerate(plans):
        ward = wards[plan.tile.name]
        await _store(session, plan, _report(chance, plan, ward, number=number, now=now), team_id=teams[ward.area_id])


@dataclass(frozen=True)
class _Plan:
    tile: city.Tile
    resident_id: int
    category: str
    words: str
    history: tuple[IssueStatus, ...]
    days_ago: int


async def _id_of(session: AsyncSession, member: cast.Member) -> int:
    return (await session.scalars(sa.select(Resident.id).where(Resident.telegram_id == member.telegram_id))).one()


def reference(number: int) -> str:
    """The demo's own references, the same every time, far apart from each other."""
    left, letters = (number + 1) * 1_234_577 % len(references.ALPHABET) ** references.LENGTH, ""
    for _ in range(references.LENGTH):
        left, place = divmod(left, len(references.ALPHABET))
        letters += references.ALPHABET[place]
    return references.normalise(f"SR-{letters}")


def _report(chance: random.Random, plan: _Plan, ward: Ward, *, number: int, now: datetime) -> IssueReport:
    reported_at = now - timedelta(days=plan.days_ago, minutes=chance.randint(0, 600))
    changes = len(plan.history)
    changed_at = reported_at + timedelta(hours=9 * changes)
    is_fixed = bool(changes) and plan.history[-1] is IssueStatus.FIXED
    return IssueReport(
        reference=reference(number),
        status=plan.history[-1] if changes else IssueStatus.REPORTED,
        resident_id=plan.resident_id,
        category=plan.category,
        has_photo_step_done=True,
        description=plan.words,
        place=chance.choice(_PLACES),
        ward_id=ward.id,
        created_at=reported_at,
        reported_at=reported_at,
        changed_at=changed_at,
        fixed_at=changed_at if is_fixed else None,
    )


async def _store(session: AsyncSession, plan: _Plan, report: IssueReport, *, team_id: int) -> None:
    report.team_id = team_id
    session.add(report)
    await session.flush()
    at = report.created_at
    session.add(IssueUpdate(report_id=report.id, status=IssueStatus.REPORTED, note="", updated_at=at))
    for status in plan.history:
        at += timedelta(hours=9)
        session.add(IssueUpdate(report_id=report.id, status=status, note=_NOTES[status], updated_at=at))
