"""Moving: residents follow the boundaries into the wards that are in force, and who can't be moved is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.links import Links
from intouch.outbox import enqueue
from intouch.outbox.models import WAITING, Delivery, Lane, Road, State
from intouch.places import lookup
from intouch.places.models import Postcode, Ward
from intouch.residents import asking, deliveries
from intouch.residents.models import Channel, Dialogue, DialogueKind, Resident, ResidentStatus, Subscription, WardSource
from intouch.storage import inserting
from intouch.templating import Templates

_AT_A_TIME = 500
# Whoever is in the middle of something else goes on with it; what lies longer than this is not being written any more.
_ATTENTION_LASTS = timedelta(hours=1)

Row: TypeAlias = sa.Row[*tuple[Any, ...]]


@dataclass(frozen=True)
class Moved:
    """How many residents of closed wards were moved, stay where they are until the new postcodes are known, and were asked."""

    moved: int = 0
    unchanged: int = 0
    to_ask: int = 0


async def move_to_new_wards(session: AsyncSession, *, on: date, now: datetime, templates: Templates, links: Links) -> Moved:
    """Move everybody whose ward is not in force on that day; nothing to do, and quick, when there is nobody.

    By the new ward of their postcode, else by the centre of the postcode or the place that they gave. Whoever has neither,
    or lies outside, loses the ward and is asked; but who gave a postcode is asked only once the new set's postcodes are known.
    """
    closed = list(await session.scalars(sa.select(Ward.id).where(sa.not_(lookup.in_force(on)))))
    living_there = (Resident.ward_id.in_(closed), Resident.status != ResidentStatus.ERASED)
    if not closed or await session.scalar(sa.select(Resident.id).where(*living_there).limit(1)) is None:
        return Moved()
    boundaries = await lookup.boundaries(session, on=on)
    if not boundaries:
        return Moved(unchanged=await session.scalar(sa.select(sa.func.count()).select_from(Resident).where(*living_there)) or 0)
    moved = await _move_by_postcode(session, on, living_there)
    has_postcodes = await _has_postcodes(session, on)
    unchanged, to_ask = 0, 0
    async for rows in _batches(session, living_there):
        homes = {row.id: _home(row, boundaries) for row in rows}
        lost = [row for row in rows if homes[row.id] is None and (has_postcodes or row.ward_source is not WardSource.POSTCODE)]
        moved += await _move(session, homes)
        await _ask(session, lost, on=on, now=now, templates=templates, links=links)
        to_ask += len(lost)
        unchanged += sum(home is None for home in homes.values()) - len(lost)
    return Moved(moved, unchanged, to_ask)


async def follow_postcodes(session: AsyncSession, *, on: date, now: datetime) -> int:
    """After an import of postcodes: whoever gave one lives in its ward; the number whose ward changed.

    Those who had lost their ward are no longer asked for it.
    """
    in_another = (Resident.status != ResidentStatus.ERASED, Resident.ward_source == WardSource.POSTCODE, _elsewhere(on))
    were_lost = sa.select(Resident.id).where(*in_another, Resident.ward_id.is_(None))
    found = list(await session.scalars(were_lost))
    changed = await _set_by_postcode(session, in_another)
    for start in range(0, len(found), _AT_A_TIME):
        await _stop_asking(session, found[start : start + _AT_A_TIME], now=now)
    return changed


def _new_ward(on: date) -> sa.Select[int]:
    return (
        sa.select(Postcode.ward_id)
        .join(Ward, Ward.id == Postcode.ward_id)
        .where(Postcode.postcode == Resident.postcode, lookup.in_force(on))
        .correlate(Resident)
    )


def _elsewhere(on: date) -> sa.ColumnElement[bool]:
    return _new_ward(on).where(sa.or_(Resident.ward_id.is_(None), Postcode.ward_id != Resident.ward_id)).exists()


async def _move_by_postcode(session: AsyncSession, on: date, living_there: Iterable[sa.ColumnElement[bool]]) -> int:
    return await _set_by_postcode(session, (*living_there, Resident.ward_source == WardSource.POSTCODE, _new_ward(on).exists()))


async def _set_by_postcode(session: AsyncSession, who: Iterable[sa.ColumnElement[bool]]) -> int:
    ward = sa.select(Postcode.ward_id).where(Postcode.postcode == Resident.postcode).correlate(Resident).scalar_subquery()
    update = sa.update(Resident).where(*who).values(ward_id=ward).execution_options(synchronize_session=False)
    return cast("sa.CursorResult[Any]", await session.execute(update)).rowcount


async def _has_postcodes(session: AsyncSession, on: date) -> bool:
    """Whether the newest set's postcodes were imported; wards that go on unchanged had theirs before."""
    newest = sa.select(sa.func.max(Ward.valid_from)).where(lookup.in_force(on)).scalar_subquery()
    known = sa.select(Postcode.postcode).join(Ward, Ward.id == Postcode.ward_id).where(lookup.in_force(on), Ward.valid_from == newest)
    return await session.scalar(known.limit(1)) is not None


async def _batches(session: AsyncSession, living_there: Iterable[sa.ColumnElement[bool]]) -> AsyncIterator[Sequence[Row]]:
    """The residents of closed wards with what is known of their place, walked by key."""
    columns = (Resident.id, Resident.status, Resident.ward_source, Resident.telegram_id, Resident.telegram_blocked_at)
    by_email = (Subscription.resident_id == Resident.id, Subscription.channel == Channel.EMAIL, Subscription.ended_at.is_(None))
    # Any one of them: the digest where it comes, as the first by name.
    topic = sa.select(sa.func.min(sa.cast(Subscription.topic, sa.Text))).where(*by_email).scalar_subquery().label("email_topic")
    addresses = (Resident.email, Resident.email_confirmed_at, topic)
    places = (
        sa.func.coalesce(Resident.longitude, Postcode.longitude).label("longitude"),
        sa.func.coalesce(Resident.latitude, Postcode.latitude).label("latitude"),
    )
    query = sa.select(*columns, *addresses, *places).outerjoin(Postcode, Postcode.postcode == Resident.postcode).where(*living_there)
    last = 0
    while rows := (await session.execute(query.where(Resident.id > last).order_by(Resident.id).limit(_AT_A_TIME))).all():
        last = rows[-1].id
        yield rows


def _home(row: Row, boundaries: lookup.Boundaries) -> int | None:
    if row.longitude is None or row.latitude is None:
        return None
    return lookup.ward_within(boundaries, row.longitude, row.latitude)


async def _move(session: AsyncSession, homes: Mapping[int, int | None]) -> int:
    by_ward: dict[int, list[int]] = {}
    for resident_id, ward_id in homes.items():
        if ward_id is not None:
            by_ward.setdefault(ward_id, []).append(resident_id)
    for ward_id, ids in by_ward.items():
        await session.execute(sa.update(Resident).where(Resident.id.in_(ids)).values(ward_id=ward_id))
    return sum(map(len, by_ward.values()))


async def _ask(session: AsyncSession, lost: Sequence[Row], *, on: date, now: datetime, templates: Templates, links: Links) -> None:
    if not lost:
        return
    await session.execute(sa.update(Resident).where(Resident.id.in_([row.id for row in lost])).values(ward_id=None))
    # A sign-up that is not finished asks by itself, and whoever stopped is left in peace until they come back.
    active = [row for row in lost if row.status is ResidentStatus.ACTIVE]
    by_chat = [row for row in active if _is_in_chat(row)]
    by_email = [row for row in active if not _is_in_chat(row) and row.email_confirmed_at and row.email_topic]
    await _listen(session, [row.telegram_id for row in by_chat], now=now)
    drafts: list[enqueue.Draft] = []
    if by_chat:
        message = templates.telegram("ward/ask_again", areas=await lookup.areas(session, on=on)).to_json()
        drafts += [_draft(row, Road.TELEGRAM, str(row.telegram_id), message, on=on, now=now) for row in by_chat]
    for row in by_email:
        drafts.append(_draft(row, Road.EMAIL, row.email, asking.letter(links, row.id, row.email_topic, on=on), on=on, now=now))
    await enqueue.enqueue_many(session, drafts)


def _is_in_chat(row: Row) -> bool:
    return row.telegram_id is not None and row.telegram_blocked_at is None


def _draft(row: Row, road: Road, address: str, payload: Mapping[str, Any], *, on: date, now: datetime) -> enqueue.Draft:
    return enqueue.Draft(
        key=f"ask-ward:{row.id}:{on}",
        kind="message" if road is Road.TELEGRAM else asking.KIND,
        road=road,
        lane=Lane.BULK,
        address=address,
        payload=payload,
        owner=deliveries.owner_of(row.id),
        batch=f"ask-ward:{on}",
        due_at=now,
    )


async def _listen(session: AsyncSession, telegram_ids: Sequence[int], *, now: datetime) -> None:
    """The next thing that these people type is their postcode, unless they are in the middle of something."""
    if not telegram_ids:
        return
    rows = [{"telegram_id": one, "kind": DialogueKind.WARD, "subject_id": None, "opened_at": now} for one in telegram_ids]
    statement = inserting.insert(session, Dialogue).values(rows)
    taken_over = {name: statement.excluded[name] for name in ("kind", "subject_id", "opened_at")}
    is_left_alone = Dialogue.opened_at < now - _ATTENTION_LASTS
    await session.execute(statement.on_conflict_do_update(index_elements=["telegram_id"], set_=taken_over, where=is_left_alone))


async def _stop_asking(session: AsyncSession, resident_ids: Sequence[int], *, now: datetime) -> None:
    chats = sa.select(Resident.telegram_id).where(Resident.id.in_(resident_ids))
    listening = sa.delete(Dialogue).where(Dialogue.telegram_id.in_(chats), Dialogue.kind == DialogueKind.WARD)
    await session.execute(listening.execution_options(synchronize_session=False))
    owners = [deliveries.owner_of(resident_id) for resident_id in resident_ids]
    questions = (Delivery.owner.in_(owners), Delivery.key.startswith("ask-ward:"), Delivery.state.in_(WAITING))
    await session.execute(sa.update(Delivery).where(*questions).values(state=State.CANCELLED, settled_at=now))
