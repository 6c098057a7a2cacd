"""Linking: one-time codes with which a councillor or an officer shows the bot who they are."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.council.models import Councillor, LinkCode, Officer
from intouch.errors import BadInput, Closed, NotFound

GOOD_FOR = timedelta(days=7)

# Crockford's base 32: no I, L, O and U, so that a code can be read out over the telephone.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_HEARD_WRONG = str.maketrans("OIL", "011")
_LENGTH = 8  # 40 bits
_CODE = re.compile(r"LINK[\s_–—-]*((?:[0-9A-Z][\s_–—-]*){8})")
_ASK_AGAIN = "Please ask the council's engagement team for a new one."


@dataclass(frozen=True)
class Linked:
    """Who a Telegram account now belongs to; ``role`` is ``officer`` or ``councillor``."""

    role: str
    name: str


async def issue_code(session: AsyncSession, *, officer_id: int | None = None, councillor_id: int | None = None, now: datetime) -> str:
    """A new code such as ``LINK-7K3M-2QXZ`` for one officer or one councillor; their older unused codes end."""
    if (officer_id is None) == (councillor_id is None):
        raise ValueError("a code is for one officer or for one councillor")
    theirs = LinkCode.officer_id == officer_id if officer_id is not None else LinkCode.councillor_id == councillor_id
    await _end_codes(session, theirs, now=now)
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    session.add(LinkCode(code_hash=_hash(body), officer_id=officer_id, councillor_id=councillor_id, expires_at=now + GOOD_FOR))
    await session.flush()
    return f"LINK-{body[:4]}-{body[4:]}"


async def unlink(session: AsyncSession, councillor: Councillor, *, now: datetime) -> None:
    """Take a councillor's Telegram away, with the codes that would link it again."""
    await _end_codes(session, LinkCode.councillor_id == councillor.id, now=now)
    councillor.telegram_id = None
    await session.flush()


async def forget_codes(session: AsyncSession, officer_id: int) -> None:
    """Delete an officer's codes, used or not."""
    await session.execute(sa.delete(LinkCode).where(LinkCode.officer_id == officer_id))


async def _end_codes(session: AsyncSession, theirs: sa.ColumnElement[bool], *, now: datetime) -> None:
    await session.execute(sa.update(LinkCode).where(theirs, LinkCode.used_at.is_(None), LinkCode.expires_at > now).values(expires_at=now))


def looks_like_code(text: str) -> bool:
    """Whether someone seems to send us their code, however they spell it."""
    return _CODE.fullmatch(text.strip().upper()) is not None


async def is_known(session: AsyncSession, code: str) -> bool:
    """Whether we ever gave out this code, used or not."""
    return await session.scalar(sa.select(LinkCode.id).where(LinkCode.code_hash == _hash(_body(code)))) is not None


async def redeem(session: AsyncSession, code: str, *, telegram_id: int, now: datetime) -> Linked:
    """Link this Telegram account to whom the code was given to; a code works once.

    A second account takes the place of the first, and the same account may repeat the code it used.
    """
    row = await session.scalar(sa.select(LinkCode).where(LinkCode.code_hash == _hash(_body(code))))
    if row is None:
        raise NotFound(f"We don't know this code. Please check it for a slip: it looks like LINK-7K3M-2QXZ. {_ASK_AGAIN}")
    person = await _person(session, row)
    # One statement decides who was first, whatever two processes do at the same time.
    unused = sa.update(LinkCode).where(LinkCode.id == row.id, LinkCode.used_at.is_(None), LinkCode.expires_at > now).values(used_at=now)
    taken = cast("sa.CursorResult[Any]", await session.execute(unused.execution_options(synchronize_session=False)))
    await session.refresh(row)
    await session.refresh(person)
    if taken.rowcount == 1:
        await _link(session, person, telegram_id)
    elif row.used_at is None:
        raise Closed(f"This code has run out. {_ASK_AGAIN}")
    elif person.telegram_id != telegram_id:
        raise Closed(f"This code was used already, and each code works once. {_ASK_AGAIN}")
    return Linked("officer" if isinstance(person, Officer) else "councillor", person.name)


async def _person(session: AsyncSession, row: LinkCode) -> Officer | Councillor:
    person: Officer | Councillor | None = None
    if row.officer_id is not None:
        person = await session.get(Officer, row.officer_id)
    elif row.councillor_id is not None:
        person = await session.get(Councillor, row.councillor_id)
    if person is None or (isinstance(person, Councillor) and not person.is_active):
        raise NotFound(f"This code was for somebody who is not in office any more. {_ASK_AGAIN}")
    return person


async def _link(session: AsyncSession, person: Officer | Councillor, telegram_id: int) -> None:
    table = type(person)
    await session.execute(sa.update(table).where(table.telegram_id == telegram_id, table.id != person.id).values(telegram_id=None))
    person.telegram_id = telegram_id
    await session.flush()


def _body(code: str) -> str:
    body = re.sub(r"[^0-9A-Z]", "", code.upper()).removeprefix("LINK").translate(_HEARD_WRONG)
    if len(body) != _LENGTH:
        raise BadInput(f"A code looks like LINK-7K3M-2QXZ. Please send it exactly as you got it. {_ASK_AGAIN}")
    return body


def _hash(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
