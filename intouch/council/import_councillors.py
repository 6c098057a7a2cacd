"""Importing councillors: a CSV file says who is in office in which ward; who is not in it has left office."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import sheets
from intouch.changes import Changes
from intouch.council import people
from intouch.council.known_wards import KnownWards
from intouch.council.models import Councillor
from intouch.errors import BadInput
from intouch.sheets import BadRow, Row
from intouch.templating import plural


@dataclass(frozen=True)
class CouncillorRow:
    """A councillor as the file has them; ``line`` is where."""

    line: int
    name: str
    ward_id: int
    ward_code: str
    email: str


@dataclass
class CouncillorPlan:
    """What importing a file of councillors would do."""

    changes: Changes
    added: list[CouncillorRow] = field(default_factory=list)
    changed: list[tuple[int, CouncillorRow]] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)


async def read(session: AsyncSession, path: Path, *, today: date) -> list[CouncillorRow]:
    """The councillors in a file (``name,ward_code,email``); ``BadFile`` names what is wrong with it or with its rows."""
    wards = await KnownWards.load(session, today=today)
    first: dict[tuple[str, int], CouncillorRow] = {}

    def read_row(row: Row) -> None:
        name, ward_code = row.name("name"), row.required("ward_code").upper()
        read = CouncillorRow(row.line, name, wards.find(ward_code), ward_code, address(row.required("email")))
        before = first.setdefault((name, read.ward_id), read)
        if before.email != read.email:
            raise BadRow(f"{name} of {ward_code} is on line {before.line} already, with another email address")

    sheets.read_rows(sheets.read(path, ["name", "ward_code", "email"]), read_row)
    return list(first.values())


def address(text: str) -> str:
    """An email address in lower case; ``BadRow`` when it is none."""
    try:
        return people.address(text)
    except BadInput as error:
        raise BadRow(str(error)) from None


async def plan(session: AsyncSession, source: str, rows: Sequence[CouncillorRow]) -> CouncillorPlan:
    """What importing ``rows`` would do: afterwards those in the file are in office, and nobody else is.

    Somebody is found again by name and ward, else by an address that only they have: so a councillor who changes wards or
    corrects their name keeps their Telegram link.
    """
    stored = list(await session.scalars(sa.select(Councillor).order_by(Councillor.id)))
    matches = _match(rows, stored)
    drawn = CouncillorPlan(Changes(source, plural(len(rows), "councillor", "councillors")))
    for row in rows:
        before = matches.get(row)
        if before is None:
            drawn.added.append(row)
            drawn.changes.added.append(f"{row.name} ({row.ward_code})")
        elif what := _differences(row, before):
            drawn.changed.append((before.id, row))
            drawn.changes.changed.append(f"{row.name} ({row.ward_code}: {', '.join(what)})")
        else:
            drawn.changes.unchanged += 1
    kept = {councillor.id for councillor in matches.values()}
    leaving = [councillor for councillor in stored if councillor.is_active and councillor.id not in kept]
    drawn.closed = [councillor.id for councillor in leaving]
    drawn.changes.closed = [councillor.name for councillor in leaving]
    if leaving:
        drawn.changes.notes.append("Those closed are not in the file: they get no briefing any more and their Telegram link ends.")
    return drawn


def _match(rows: Sequence[CouncillorRow], stored: Sequence[Councillor]) -> Mapping[CouncillorRow, Councillor]:
    by_name = {(councillor.name, councillor.ward_id): councillor for councillor in stored}
    matches = {row: by_name[row.name, row.ward_id] for row in rows if (row.name, row.ward_id) in by_name}
    taken = {councillor.id for councillor in matches.values()}
    free = [councillor for councillor in stored if councillor.id not in taken]
    # Councillors of a ward may share one mailbox, which then says nothing about who is who.
    in_file = Counter(row.email for row in rows)
    in_store = Counter(councillor.email for councillor in stored)
    by_email = {councillor.email: councillor for councillor in free if in_store[councillor.email] == 1}
    for row in rows:
        if row not in matches and in_file[row.email] == 1 and row.email in by_email:
            matches[row] = by_email[row.email]
    return matches


def _differences(row: CouncillorRow, before: Councillor) -> list[str]:
    differs = {
        "name": row.name != before.name,
        "ward": row.ward_id != before.ward_id,
        "email": row.email != before.email,
        "back in office": not before.is_active,
    }
    return [what for what, is_so in differs.items() if is_so]


async def apply(session: AsyncSession, drawn: CouncillorPlan) -> None:
    """Write what was planned."""
    leaving = sa.update(Councillor).where(Councillor.id.in_(drawn.closed))
    await session.execute(leaving.values(is_active=False, telegram_id=None))
    for councillor_id, row in drawn.changed:
        values = {"name": row.name, "ward_id": row.ward_id, "email": row.email, "is_active": True}
        await session.execute(sa.update(Councillor).where(Councillor.id == councillor_id).values(values))
    session.add_all([Councillor(name=row.name, ward_id=row.ward_id, email=row.email, is_active=True) for row in drawn.added])
    await session.flush()
