"""Importing notices: a CSV file of what is happening (planning, licensing, roadworks, works, events)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import sheets
from intouch.changes import Changes
from intouch.council.known_wards import KnownWards
from intouch.council.models import Notice, NoticeWard
from intouch.council.notices import KINDS
from intouch.sheets import BadRow, Row
from intouch.templating import plural

LONGEST_TITLE, LONGEST_TEXT, LONGEST_URL = 200, 2000, 1000

_COLUMNS = ("kind", "title", "text", "ward_codes", "starts_on", "ends_on", "url")
_BRITISH_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")


@dataclass(frozen=True)
class NoticeRow:
    """A notice as the file has it; no wards: the whole city."""

    kind: str
    title: str
    text: str
    ward_ids: frozenset[int]
    starts_on: date
    ends_on: date | None
    url: str

    @property
    def key(self) -> tuple[str, str, date]:
        """What makes it the same notice in the next file."""
        return self.kind, self.title, self.starts_on


@dataclass
class NoticePlan:
    """What importing a file of notices would do."""

    changes: Changes
    added: list[NoticeRow] = field(default_factory=list)
    changed: list[tuple[int, NoticeRow]] = field(default_factory=list)


async def read(session: AsyncSession, path: Path, *, today: date) -> list[NoticeRow]:
    """The notices in a file; ``BadFile`` names what is wrong with it or with each of its rows."""
    wards = await KnownWards.load(session, today=today)
    first: dict[tuple[str, str, date], tuple[int, NoticeRow]] = {}

    def read_row(row: Row) -> None:
        notice = _read_row(row, wards)
        line, before = first.setdefault(notice.key, (row.line, notice))
        if before != notice:
            raise BadRow(f"{sheets.shorten(notice.title)!r} of that day is on line {line} already, with other details")

    sheets.read_rows(sheets.read(path, _COLUMNS), read_row)
    return [notice for _, notice in first.values()]


def _read_row(row: Row, wards: KnownWards) -> NoticeRow:
    kind = row.required("kind").lower()
    if kind not in KINDS:
        raise BadRow(f"kind is {sheets.shorten(kind)!r}; it is one of {', '.join(KINDS)}")
    starts_on = day(row.required("starts_on"), "starts_on")
    ends_on = day(row["ends_on"], "ends_on") if row["ends_on"] else None
    if ends_on is not None and ends_on < starts_on:
        raise BadRow(f"ends_on ({ends_on}) is before starts_on ({starts_on})")
    codes = re.split(r"[\s,;]+", row["ward_codes"].upper())
    return NoticeRow(
        kind=kind,
        title=_short(" ".join(row.required("title").split()), "title", LONGEST_TITLE),
        text=_short(row["text"], "text", LONGEST_TEXT),
        ward_ids=frozenset(wards.find(code) for code in codes if code),
        starts_on=starts_on,
        ends_on=ends_on,
        url=_url(row["url"]),
    )


def day(text: str, column: str) -> date:
    """``2026-12-05`` or ``05/12/2026`` (day first); ``BadRow`` when it is no day."""
    british = _BRITISH_DAY.fullmatch(text)
    try:
        if british:
            return date(int(british[3]), int(british[2]), int(british[1]))
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no time zone
    except ValueError:
        raise BadRow(f"{column} is {sheets.shorten(text)!r}; write a day like 2026-12-05 or 05/12/2026") from None


def _short(text: str, column: str, longest: int) -> str:
    if len(text) > longest:
        raise BadRow(f"{column} has {len(text):,} characters; at most {longest:,} fit")
    return text


def _url(text: str) -> str:
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\s<>\"]", text)
    except ValueError:
        is_web = False
    if not is_web:
        raise BadRow(f"url is {sheets.shorten(text)!r}; a web address begins with https:// or http://")
    return _short(text, "url", LONGEST_URL)


async def plan(session: AsyncSession, source: str, rows: Sequence[NoticeRow]) -> NoticePlan:
    """What importing ``rows`` would do; notices that are not in the file stay as they are."""
    days = sorted({row.starts_on for row in rows})
    stored = {(n.kind, n.title, n.starts_on): n for n in await session.scalars(sa.select(Notice).where(Notice.starts_on.in_(days)))}
    wards: dict[int, set[int]] = {}
    about = sa.select(NoticeWard).join(Notice, Notice.id == NoticeWard.notice_id).where(Notice.starts_on.in_(days))
    for one in await session.scalars(about):
        wards.setdefault(one.notice_id, set()).add(one.ward_id)
    drawn = NoticePlan(Changes(source, plural(len(rows), "notice", "notices")))
    for row in rows:
        before = stored.get(row.key)
        label = f"{row.starts_on} {sheets.shorten(row.title, 40)}"
        if before is None:
            drawn.added.append(row)
            drawn.changes.added.append(label)
        elif (row.text, row.ends_on, row.url) != (before.text, before.ends_on, before.url) or row.ward_ids != wards.get(before.id, set()):
            drawn.changed.append((before.id, row))
            drawn.changes.changed.append(label)
        else:
            drawn.changes.unchanged += 1
    return drawn


async def apply(session: AsyncSession, drawn: NoticePlan, *, now: datetime) -> None:
    """Write what was planned."""
    added = [
        Notice(kind=r.kind, title=r.title, text=r.text, starts_on=r.starts_on, ends_on=r.ends_on, url=r.url, created_at=now)
        for r in drawn.added
    ]
    session.add_all(added)
    await session.flush()
    for notice_id, row in drawn.changed:
        values = {"text": row.text, "ends_on": row.ends_on, "url": row.url}
        await session.execute(sa.update(Notice).where(Notice.id == notice_id).values(values))
    await session.execute(sa.delete(NoticeWard).where(NoticeWard.notice_id.in_([notice_id for notice_id, _ in drawn.changed])))
    pairs = [*zip([notice.id for notice in added], drawn.added, strict=True), *drawn.changed]
    session.add_all([NoticeWard(notice_id=notice_id, ward_id=ward_id) for notice_id, row in pairs for ward_id in sorted(row.ward_ids)])
    await session.flush()
