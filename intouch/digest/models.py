"""Digest: the tables of editions, and of the clocks that bring them about."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from intouch.places.models import Ward
from intouch.storage.columns import Base, Key, text_enum


class Audience(StrEnum):
    DIGEST = "digest"  # residents who subscribe, of one ward
    BRIEFING = "briefing"  # the councillors of one ward


class EditionStatus(StrEnum):
    WAITING = "waiting"  # later than its limit: an officer decides
    APPROVED = "approved"  # an officer said yes in the chat: the next tick publishes it
    CANCELLED = "cancelled"  # an officer said no before it was published; the next one tells of its week too
    PUBLISHED = "published"  # its deliveries are in the outbox
    EMPTY = "empty"  # nothing to say: no email


class Edition(Base):
    """One digest or briefing of one ward in one ISO week; what it says is fixed in ``contents``.

    It tells what happened before ``told_until``; the next one goes on from there.
    """

    __tablename__ = "editions"
    __table_args__ = (sa.UniqueConstraint("audience", "ward_id", "period"),)

    id: Mapped[Key]
    audience: Mapped[Audience] = mapped_column(text_enum(Audience))
    ward_id: Mapped[int] = mapped_column(sa.ForeignKey(Ward.id))
    period: Mapped[str] = mapped_column(index=True)
    status: Mapped[EditionStatus] = mapped_column(text_enum(EditionStatus))
    due_at: Mapped[datetime]
    contents: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)
    told_until: Mapped[datetime]
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]


class EditionStart(Base):
    """When this council began to publish to an audience: what was due before then is nobody's missed edition."""

    __tablename__ = "edition_starts"

    audience: Mapped[Audience] = mapped_column(text_enum(Audience), primary_key=True)
    started_at: Mapped[datetime]


class Tick(Base):
    """When a clock of the schedule last rang, in whichever process, and how many milliseconds late that was."""

    __tablename__ = "ticks"

    name: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    late_ms: Mapped[int]
    at: Mapped[datetime]
