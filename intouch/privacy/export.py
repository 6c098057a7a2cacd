"""Export: everything that is held about one resident, as JSON that a person can read."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.bounces.models import BounceReport, TroubledAddress
from intouch.errors import NotFound
from intouch.issues.models import IssuePhoto, IssueReport, IssueUpdate
from intouch.outbox.models import DeadAddress, Delivery, Road
from intouch.places.models import Ward
from intouch.residents.deliveries import owner_of, theirs
from intouch.residents.models import Consent, Resident, ResidentStatus, Subscription
from intouch.surveys.models import Answer, AnswerKind, Invitation, Option, Question, Response, Survey

_LINK = re.compile(r"https?://\S+")
_LINK_LEFT_OUT = "(a link for whoever reads the email)"


async def everything_about(session: AsyncSession, resident_id: int) -> dict[str, Any]:
    """All rows about this resident, named in plain words; ``NotFound`` when there is nobody (any more) with this number."""
    resident = await session.get(Resident, resident_id)
    if resident is None or resident.status is ResidentStatus.ERASED:
        raise NotFound("There is no resident with this number. They may have been erased.")
    return {
        "resident": await _resident(session, resident),
        "consents": await _consents(session, resident_id),
        "subscriptions": await _subscriptions(session, resident_id),
        "surveys": await _surveys(session, resident_id),
        "reports": await _reports(session, resident_id),
        "messages": await _messages(session, resident),
        "undelivered": await _undelivered(session, resident),
    }


async def _resident(session: AsyncSession, resident: Resident) -> dict[str, Any]:
    ward = await session.get(Ward, resident.ward_id) if resident.ward_id is not None else None
    return {
        "number": resident.id,
        "status": resident.status.value,
        "telegram_id": resident.telegram_id,
        "first_name": resident.first_name,
        "language": resident.language,
        "ward": ward.name if ward else None,
        "ward_known_from": resident.ward_source.value if resident.ward_source else None,
        "postcode": resident.postcode,
        "longitude": resident.longitude,
        "latitude": resident.latitude,
        "email": resident.email,
        "email_confirmed_at": _when(resident.email_confirmed_at),
        "email_waiting_for_confirmation": resident.email_to_confirm,
        "signed_up_at": _when(resident.created_at),
        "joined_at": _when(resident.joined_at),
        "wants_to_join_the_sounding_board": resident.wants_board,
        "blocked_the_bot_at": _when(resident.telegram_blocked_at),
    }


async def _consents(session: AsyncSession, resident_id: int) -> list[dict[str, Any]]:
    rows = await session.scalars(sa.select(Consent).where(Consent.resident_id == resident_id).order_by(Consent.id))
    return [
        {"purpose": row.purpose, "wording": row.wording, "given_at": _when(row.given_at), "withdrawn_at": _when(row.withdrawn_at)}
        for row in rows
    ]


async def _subscriptions(session: AsyncSession, resident_id: int) -> list[dict[str, Any]]:
    rows = await session.scalars(sa.select(Subscription).where(Subscription.resident_id == resident_id).order_by(Subscription.id))
    return [
        {
            "topic": row.topic.value,
            "channel": row.channel.value,
            "started_at": _when(row.started_at),
            "ended_at": _when(row.ended_at),
            "ended_because": row.ended_reason,
        }
        for row in rows
    ]


async def _surveys(session: AsyncSession, resident_id: int) -> list[dict[str, Any]]:
    asked = {row.survey_id: row for row in await session.scalars(sa.select(Invitation).where(Invitation.resident_id == resident_id))}
    responses = {row.survey_id: row for row in await session.scalars(sa.select(Response).where(Response.resident_id == resident_id))}
    lived_in = {row.ward_id for row in asked.values()} | {row.ward_id for row in responses.values()}
    wards = {ward.id: ward.name for ward in await session.scalars(sa.select(Ward).where(Ward.id.in_(lived_in)))}
    surveys = await session.scalars(sa.select(Survey).where(Survey.id.in_({*asked, *responses})).order_by(Survey.id))
    return [
        {
            "survey": survey.title,
            "asked_at": _when(asked[survey.id].invited_at) if survey.id in asked else None,
            "asked_in_ward": wards.get(asked[survey.id].ward_id) if survey.id in asked else None,
            "answered_in_ward": wards.get(responses[survey.id].ward_id) if survey.id in responses else None,
            "started_at": _when(responses[survey.id].started_at) if survey.id in responses else None,
            "finished_at": _when(responses[survey.id].finished_at) if survey.id in responses else None,
            "answers": await _answers(session, responses[survey.id].id) if survey.id in responses else [],
        }
        for survey in surveys.all()
    ]


async def _answers(session: AsyncSession, response_id: int) -> list[dict[str, Any]]:
    query = (
        sa.select(Answer, Question.text, Option.text)
        .join(Question, Question.id == Answer.question_id)
        .outerjoin(Option, sa.and_(Answer.kind == AnswerKind.OPTION, Option.id == Answer.choice))
        .where(Answer.response_id == response_id)
        .order_by(Question.position, Answer.choice)
    )
    return [
        {"question": question, "answer": _answer(answer, option), "answered_at": _when(answer.answered_at)}
        for answer, question, option in (await session.execute(query)).all()
    ]


def _answer(answer: Answer, option: str | None) -> str:
    if answer.kind is AnswerKind.OPTION:
        return option or ""
    if answer.kind is AnswerKind.SCALE:
        return str(answer.choice)
    if answer.kind is AnswerKind.TEXT:
        return answer.words or ""
    return "don't know" if answer.kind is AnswerKind.DONT_KNOW else "skipped"


async def _reports(session: AsyncSession, resident_id: int) -> list[dict[str, Any]]:
    reports = (await session.scalars(sa.select(IssueReport).where(IssueReport.resident_id == resident_id).order_by(IssueReport.id))).all()
    ids = [report.id for report in reports]
    updates = (await session.scalars(sa.select(IssueUpdate).where(IssueUpdate.report_id.in_(ids)).order_by(IssueUpdate.id))).all()
    photos = (await session.scalars(sa.select(IssuePhoto).where(IssuePhoto.report_id.in_(ids)).order_by(IssuePhoto.id))).all()
    return [
        _report(
            report,
            [photo for photo in photos if photo.report_id == report.id],
            [update for update in updates if update.report_id == report.id],
        )
        for report in reports
    ]


def _report(report: IssueReport, photos: Sequence[IssuePhoto], updates: Sequence[IssueUpdate]) -> dict[str, Any]:
    return {
        "reference": report.reference,
        "status": report.status.value,
        "category": report.category,
        "description": report.description,
        "place": report.place,
        "longitude": report.longitude,
        "latitude": report.latitude,
        "photos": [{"added_at": _when(photo.added_at), "jpeg_base64": base64.b64encode(photo.jpeg).decode()} for photo in photos],
        "reported_at": _when(report.reported_at),
        "fixed_at": _when(report.fixed_at),
        "updates": [{"status": update.status.value, "note": update.note, "updated_at": _when(update.updated_at)} for update in updates],
    }


def _addresses(resident: Resident) -> list[str]:
    """Where this resident is reached. Not the address that waits: it may be somebody else's, and so may be what was sent to it."""
    chat = str(resident.telegram_id) if resident.telegram_id is not None else ""
    return [address for address in (chat, resident.email) if address]


async def _messages(session: AsyncSession, resident: Resident) -> list[dict[str, Any]]:
    rows = await session.scalars(sa.select(Delivery).where(theirs([resident.id], _addresses(resident))).order_by(Delivery.id))
    return [
        {
            "what": row.kind,
            "by": row.road.value,
            "to": row.address,
            "words": _words(row),
            "letter": row.payload.get("template"),
            "values": {} if "text" in row.payload else _without_links(row.payload.get("values", row.payload)),
            "state": row.state.value,
            "written_at": _when(row.created_at),
            "sent_at": _when(row.settled_at),
        }
        for row in rows
    ]


def _words(row: Delivery) -> str:
    text = str(row.payload.get("text", ""))
    return text if row.road is Road.TELEGRAM else _LINK.sub(_LINK_LEFT_OUT, text)


def _without_links(value: Any) -> Any:
    """A link proves that its reader has the mailbox: whoever typed a foreign address must not find it here."""
    if isinstance(value, dict):
        return {name: _without_links(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_links(one) for one in value]
    return _LINK.sub(_LINK_LEFT_OUT, value) if isinstance(value, str) else value


async def _undelivered(session: AsyncSession, resident: Resident) -> dict[str, Any]:
    """What mail servers reported about emails to this resident, and which addresses of theirs nothing is sent to any more."""
    mine = sa.select(BounceReport).join(Delivery, Delivery.id == BounceReport.delivery_id).where(Delivery.owner == owner_of(resident.id))
    reports = await session.scalars(mine.order_by(BounceReport.heard_at, BounceReport.fingerprint))
    troubled = await session.get(TroubledAddress, resident.email) if resident.email else None
    dead = await session.scalars(sa.select(DeadAddress).where(DeadAddress.address.in_(_addresses(resident))).order_by(DeadAddress.road))
    return {
        "addresses_given_up": [
            {"by": row.road.value, "address": row.address, "because": row.reason, "since": _when(row.died_at)} for row in dead
        ],
        "reports": [{"what": row.kind.value, "status": row.status, "heard_at": _when(row.heard_at)} for row in reports],
        "days_with_trouble": troubled.score if troubled is not None else 0,
    }


def _when(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment is not None else None
