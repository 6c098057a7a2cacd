"""Outbox: the tables of deliveries on their way out and of leases between processes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from intouch.storage.columns import Base, Key, text_enum


class State(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"  # the intent is committed; the call may be under way
    SENT = "sent"  # the provider accepted it
    FAILED = "failed"
    UNKNOWN = "unknown"  # the line broke when it may have arrived
    CANCELLED = "cancelled"  # not wanted any more when its turn came
    PAUSED = "paused"  # queued, but an officer has paused its batch
    HELD = "held"  # queued, but older than a restore of the database: it waits for approval


# Not sent yet, and nobody has begun to.
WAITING = (State.QUEUED, State.PAUSED, State.HELD)


class Lane(StrEnum):
    """Replies go first, then what one person waits for, then bulk."""

    REPLY = "reply"
    NOTICE = "notice"
    BULK = "bulk"


class Road(StrEnum):
    """By which channel a delivery leaves."""

    TELEGRAM = "telegram"
    EMAIL = "email"


# In this wording, with no parameter in it, either database sees that its index answers.
RETRIED = sa.literal_column("tries", sa.Integer) > sa.literal_column("1", sa.Integer)


class Delivery(Base):
    """One message to one address. ``key`` is the promise: there is one delivery per key, for ever.

    ``kind`` says who renders ``payload`` when its turn comes; ``owner`` (``resident:12``) says whose it is,
    for export and erasure; ``batch`` (``edition:7``) groups what went out together.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        sa.Index("ix_deliveries_due", "road", "state", "lane", "due_at"),
        sa.Index("ix_deliveries_batch_state", "batch", "state"),
        # What was sent at the first try is not in it, and so costs it nothing.
        sa.Index("ix_deliveries_retried", "batch", sqlite_where=RETRIED, postgresql_where=RETRIED),
    )

    id: Mapped[Key]
    key: Mapped[str] = mapped_column(sa.Text, unique=True)
    kind: Mapped[str]
    road: Mapped[Road] = mapped_column(text_enum(Road))
    lane: Mapped[Lane] = mapped_column(text_enum(Lane))
    address: Mapped[str] = mapped_column(sa.Text, index=True)
    payload: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)
    owner: Mapped[str | None] = mapped_column(sa.Text, index=True)
    batch: Mapped[str | None]
    state: Mapped[State] = mapped_column(text_enum(State), default=State.QUEUED)
    tries: Mapped[int] = mapped_column(default=0)
    # How often it went out again although it may have arrived; see docs/decisions/0050.
    unseen: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    # Committed before the call of a chat message: a lease that runs out without it means that nothing was sent.
    begun_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    leased_by: Mapped[str | None]
    provider_id: Mapped[str | None]
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class Stand(StrEnum):
    """How a batch stands that does not simply go out."""

    PAUSED = "paused"
    CANCELLED = "cancelled"
    HELD = "held"
    APPROVED = "approved"  # goes out although all other bulk is held


class BatchHold(Base):
    """A batch that an officer paused or cancelled while it went out, or, as ``*``, all bulk after a restore of the database.

    This row is the order; moving the deliveries to the state it asks for comes after it, and is made up for by the claim.
    """

    __tablename__ = "batch_holds"

    batch: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    stand: Mapped[Stand] = mapped_column(text_enum(Stand))
    by: Mapped[str]
    at: Mapped[datetime]


class Epoch(Base):
    """How far this database has come; the same number is kept in a file outside it, and a restored database is behind that."""

    __tablename__ = "epochs"

    database: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    beat: Mapped[int]
    at: Mapped[datetime]


class DeadAddress(Base):
    """An address that the provider said is gone; nothing is sent to it until its owner comes back."""

    __tablename__ = "dead_addresses"

    road: Mapped[Road] = mapped_column(text_enum(Road), primary_key=True)
    address: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    reason: Mapped[str]
    died_at: Mapped[datetime]


class Lease(Base):
    """A part that one process plays at a time, such as the bot's poller; taken over when the lease runs out."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    holder: Mapped[str]
    until: Mapped[datetime]
