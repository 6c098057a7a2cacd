"""Reporting: a report from its first word to its reference; what to ask next is computed from what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council.models import ResponseTeam
from intouch.errors import BadInput, Closed, NotFound
from intouch.issues import references, routing, wording
from intouch.issues.categories import Categories
from intouch.issues.models import IssuePhoto, IssueReport, IssueStatus, IssueUpdate
from intouch.issues.photos import CleanPhoto
from intouch.places import lookup
from intouch.residents.models import Resident
from intouch.storage.inserting import insert_ignoring

MOST_PHOTOS = 3
LONGEST_DESCRIPTION = 1500
LONGEST_PLACE = 300
_TRIES_FOR_A_REFERENCE = 20


class Step(StrEnum):
    CATEGORY = "category"
    PHOTO = "photo"
    PLACE = "place"
    DESCRIPTION = "description"
    CONFIRM = "confirm"


@dataclass(frozen=True)
class Sent:
    """A report that the council has: ``team`` is who deals with it, None when the council still has to pass it on."""

    report: IssueReport
    team: ResponseTeam | None


def next_step(report: IssueReport) -> Step:
    """What is still missing, in the order in which it is asked."""
    if not report.category:
        return Step.CATEGORY
    if not report.has_photo_step_done:
        return Step.PHOTO
    if not report.place and report.longitude is None:
        return Step.PLACE
    return Step.CONFIRM if report.description else Step.DESCRIPTION


def is_empty(report: IssueReport) -> bool:
    """Whether nothing has been said in this draft yet."""
    return not (report.category or report.has_photo_step_done or report.place or report.description or report.longitude is not None)


async def draft_of(session: AsyncSession, resident_id: int) -> IssueReport | None:
    """The report that this resident is writing, if any."""
    found: IssueReport | None = await session.scalar(
        sa.select(IssueReport).where(IssueReport.resident_id == resident_id, IssueReport.status == IssueStatus.DRAFT)
    )
    return found


async def begin(session: AsyncSession, resident_id: int, *, now: datetime) -> IssueReport:
    """The resident's draft: the one that is there, or a new one. There is never a second."""
    row = {"resident_id": resident_id, "status": IssueStatus.DRAFT, "created_at": now, "changed_at": now}
    blank = {"category": "", "place": "", "description": "", "has_photo_step_done": False}
    await insert_ignoring(session, IssueReport, [row | blank])
    draft = await draft_of(session, resident_id)
    if draft is None:
        raise NotFound("That report could not be started. Please send /report again.")
    return draft


async def draft(session: AsyncSession, report_id: int, *, resident_id: int) -> IssueReport:
    """This resident's draft, locked; raises ``NotFound`` for a foreign one, ``Closed`` for one that is no draft any more."""
    report = await _locked(session, report_id, resident_id)
    if report.status is IssueStatus.CANCELLED:
        raise Closed("You threw that report away. Send /report to write a new one.")
    if report.status is not IssueStatus.DRAFT:
        raise Closed(f"You have sent that report in already. Its reference is {report.reference}. /myreports shows how it is going.")
    return report


async def _locked(session: AsyncSession, report_id: int, resident_id: int) -> IssueReport:
    statement = sa.select(IssueReport).where(IssueReport.id == report_id, IssueReport.resident_id == resident_id)
    report = await session.scalar(statement.with_for_update().execution_options(populate_existing=True))
    if report is None:
        raise NotFound("We can't find that report. Send /myreports to see yours, or /report to write a new one.")
    return report


def choose(report: IssueReport, key: str, *, categories: Categories, now: datetime) -> None:
    """Set the category; raises ``BadInput`` for one that the council doesn't have (any more)."""
    if categories.find(key) is None:
        raise BadInput("That choice is not there any more. Please choose again.")
    report.category, report.changed_at = key, now


async def add_photo(session: AsyncSession, report: IssueReport, photo: CleanPhoto, *, now: datetime) -> int:
    """Keep a photo with the draft; how many there are now. The same one is kept once, a fourth raises ``BadInput``."""
    known = await photo_digests(session, report.id)
    if photo.digest not in known:
        if len(known) >= MOST_PHOTOS:
            raise BadInput(f"{MOST_PHOTOS} photos are the most for one report. We have kept the first {MOST_PHOTOS}.")
        session.add(IssuePhoto(report_id=report.id, added_at=now, **vars(photo)))
        known.add(photo.digest)
    report.changed_at = now
    report.has_photo_step_done = report.has_photo_step_done or len(known) >= MOST_PHOTOS
    await session.flush()
    return len(known)


async def photo_digests(session: AsyncSession, report_id: int) -> set[str]:
    """Which photos this report has."""
    return set(await session.scalars(sa.select(IssuePhoto.digest).where(IssuePhoto.report_id == report_id)))


async def remove_photos(session: AsyncSession, report: IssueReport, *, now: datetime) -> None:
    """Forget the draft's photos and ask for them again."""
    await session.execute(sa.delete(IssuePhoto).where(IssuePhoto.report_id == report.id))
    report.has_photo_step_done, report.changed_at = False, now


def finish_photos(report: IssueReport, *, now: datetime) -> None:
    """No more photos; none at all is fine."""
    report.has_photo_step_done, report.changed_at = True, now


async def place_at(session: AsyncSession, report: IssueReport, *, longitude: float, latitude: float, on: date, now: datetime) -> None:
    """Set the place by coordinates; raises ``NotFound``, and keeps what was there, when it is outside the council."""
    ward = await lookup.ward_at(session, longitude=longitude, latitude=latitude, on=on)
    report.longitude, report.latitude, report.place = longitude, latitude, ""
    report.ward_id, report.changed_at = ward.id, now


async def place_in_words(session: AsyncSession, report: IssueReport, text: str, *, on: date, now: datetime) -> None:
    """Set the place by words; a postcode among them says the ward. Raises ``BadInput``."""
    words = wording.within(text, LONGEST_PLACE, what="the place")
    report.place, report.longitude, report.latitude = words, None, None
    report.ward_id, report.changed_at = await routing.ward_of_words(session, words, on=on), now


def describe(report: IssueReport, text: str, *, now: datetime) -> None:
    """Set the description; raises ``BadInput`` when it is empty or too long."""
    report.description, report.changed_at = wording.within(text, LONGEST_DESCRIPTION, what="the description"), now


def change(report: IssueReport, step: Step, *, now: datetime) -> None:
    """Take one part out of the draft, so that it is asked again. Photos stay until they are removed."""
    if step is Step.CATEGORY:
        report.category = ""
    elif step is Step.PHOTO:
        report.has_photo_step_done = False
    elif step is Step.PLACE:
        report.place, report.longitude, report.latitude, report.ward_id = "", None, None, None
    else:
        report.description = ""
    report.changed_at = now


async def cancel(session: AsyncSession, report_id: int, *, resident_id: int, now: datetime) -> None:
    """Throw the draft away. It is kept for a while, so that it can be taken back."""
    report = await draft(session, report_id, resident_id=resident_id)
    report.status, report.changed_at = IssueStatus.CANCELLED, now


async def take_back(session: AsyncSession, report_id: int, *, resident_id: int, now: datetime) -> IssueReport:
    """The draft, also if it was thrown away; raises ``Closed`` while another one is being written."""
    report = await _locked(session, report_id, resident_id)
    if report.status is IssueStatus.CANCELLED:
        if await draft_of(session, resident_id) is not None:
            raise Closed("You are writing another report. Send that one in first, or throw it away: /report shows it.")
        report.status, report.changed_at = IssueStatus.DRAFT, now
    return await draft(session, report_id, resident_id=resident_id)


async def send_in(session: AsyncSession, report_id: int, *, resident_id: int, categories: Categories, on: date, now: datetime) -> Sent:
    """Give the draft its reference and its team. Said twice, the second gets what the first got."""
    report = await _locked(session, report_id, resident_id)
    if report.reference is None:
        report = await draft(session, report_id, resident_id=resident_id)
        if next_step(report) is not Step.CONFIRM:
            raise BadInput("Something is still missing in this report. Send /report to go on with it.")
        report.ward_id = await _ward(session, report, resident_id, on=on)
        team = await routing.team_of(session, report.category, categories=categories, ward_id=report.ward_id)
        report.team_id = team.id if team else None
        report.reported_at = report.changed_at = now
        await _give_reference(session, report)
        session.add(IssueUpdate(report_id=report.id, status=IssueStatus.REPORTED, note="", updated_at=now))
        await session.flush()
    return Sent(report, await session.get(ResponseTeam, report.team_id) if report.team_id else None)


async def _ward(session: AsyncSession, report: IssueReport, resident_id: int, *, on: date) -> int | None:
    """By place, as it is today: the draft may be older than the newest boundaries; else the resident's own ward."""
    found = await routing.ward_of(session, report, on=on)
    if found is None and report.longitude is None:
        resident = await session.get(Resident, resident_id)
        found = resident.ward_id if resident else None
    return found or report.ward_id


async def _give_reference(session: AsyncSession, report: IssueReport) -> None:
    """Try references until one is free: the unique key decides, and losing costs only the savepoint."""
    this = sa.update(IssueReport).where(IssueReport.id == report.id)
    for _ in range(_TRIES_FOR_A_REFERENCE):
        try:
            async with session.begin_nested():
                await session.execute(this.values(reference=references.new(), status=IssueStatus.REPORTED))
        except IntegrityError:
            continue
        await session.refresh(report)
        return
    raise Closed("We could not find a free number for this report. Nothing is lost: please tap Send again in a moment.")
