"""Residents: the tables of residents, their addresses, consents, subscriptions and conversations."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from intouch.places.models import Ward
from intouch.storage.columns import Base, Key, text_enum


class ResidentStatus(StrEnum):
    DRAFT = "draft"  # signing up: what is still missing is asked next
    ACTIVE = "active"
    STOPPED = "stopped"  # said /stop: nothing is sent until they come back
    ERASED = "erased"  # an empty row, so that a token of theirs finds nothing


class WardSource(StrEnum):
    """How we know the ward: whoever gave a postcode or a place can be moved when boundaries change."""

    POSTCODE = "postcode"
    LOCATION = "location"
    CHOSEN = "chosen"


class Topic(StrEnum):
    DIGEST = "digest"
    SURVEYS = "surveys"
    SOUNDING_BOARD = "sounding_board"


class Channel(StrEnum):
    TELEGRAM = "telegram"
    EMAIL = "email"


class Resident(Base):
    """A person who signed up, by Telegram or by email alone.

    ``email`` is a confirmed address in lower case; ``email_to_confirm`` is one that a letter went to, and replaces it when confirmed.
    ``ward_id`` is empty while the ward is not known yet, or not known any more after boundaries changed; set with an empty
    ``ward_source`` it is a link's guess that the person has not confirmed. ``consented_at`` is empty again when consent was withdrawn.
    ``telegram_blocked_at`` is when Telegram said that they blocked the bot; empty again after /start.
    ``wants_board`` keeps the wish of a draft who ticked it on the web. ``merged_into_id``: two sign-ups of one person became that one.
    """

    __tablename__ = "residents"

    id: Mapped[Key]
    status: Mapped[ResidentStatus] = mapped_column(text_enum(ResidentStatus), default=ResidentStatus.DRAFT)
    telegram_id: Mapped[int | None] = mapped_column(unique=True)
    first_name: Mapped[str] = mapped_column(default="")
    language: Mapped[str] = mapped_column(default="en")
    ward_id: Mapped[int | None] = mapped_column(sa.ForeignKey(Ward.id), index=True)
    ward_source: Mapped[WardSource | None] = mapped_column(text_enum(WardSource))
    postcode: Mapped[str | None]
    longitude: Mapped[float | None]
    latitude: Mapped[float | None]
    email: Mapped[str | None]
    email_confirmed_at: Mapped[datetime | None]
    email_to_confirm: Mapped[str | None]
    consented_at: Mapped[datetime | None]
    was_asked_email: Mapped[bool] = mapped_column(default=False)
    was_asked_board: Mapped[bool] = mapped_column(default=False)
    wants_board: Mapped[bool] = mapped_column(default=False)
    telegram_blocked_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    joined_at: Mapped[datetime | None]
    merged_into_id: Mapped[int | None] = mapped_column(sa.ForeignKey("residents.id", ondelete="SET NULL"), index=True)

    # A confirmed address belongs to one resident; unconfirmed ones prove nothing and may be written by anybody.
    __table_args__ = (
        sa.Index(
            "uq_residents_confirmed_email",
            "email",
            unique=True,
            sqlite_where=sa.text("email_confirmed_at IS NOT NULL"),
            postgresql_where=sa.text("email_confirmed_at IS NOT NULL"),
        ),
        # Asked for with each address that ends, while the others of the edition wait to be written.
        sa.Index(
            "ix_residents_email_to_confirm",
            "email_to_confirm",
            sqlite_where=sa.text("email_to_confirm IS NOT NULL"),
            postgresql_where=sa.text("email_to_confirm IS NOT NULL"),
        ),
        # Links and delivery keys name residents by number: SQLite must not give a deleted draft's number to somebody else.
        {"sqlite_autoincrement": True},
    )


class Consent(Base):
    """What a resident agreed to, when, and in which words."""

    __tablename__ = "consents"

    id: Mapped[Key]
    resident_id: Mapped[int] = mapped_column(sa.ForeignKey("residents.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str]
    wording: Mapped[str]
    given_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class Subscription(Base):
    """A resident gets a topic by a channel; ended with a reason, never deleted."""

    __tablename__ = "subscriptions"
    # All that is asked of subscriptions is asked of somebody. An index that began with the topic would be taken for that, too, by a
    # PostgreSQL that has not counted its rows yet: all subscriptions of the council, once for each resident.

    id: Mapped[Key]
    resident_id: Mapped[int] = mapped_column(sa.ForeignKey("residents.id", ondelete="CASCADE"), index=True)
    topic: Mapped[Topic] = mapped_column(text_enum(Topic))
    channel: Mapped[Channel] = mapped_column(text_enum(Channel))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None]

    __table_args__ = (
        sa.Index(
            "uq_subscriptions_active",
            "resident_id",
            "topic",
            "channel",
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
    )


class DialogueKind(StrEnum):
    SIGNUP = "signup"
    EMAIL = "email"
    WARD = "ward"
    SURVEY = "survey"
    REPORT = "report"
    LAUNCH = "launch"
    ERASE = "erase"


class Dialogue(Base):
    """Which half-finished thing hears the next message that a person types to the bot.

    Not the state of that thing, which lives in its own rows: only where the person's attention is.
    ``subject_id`` is the key of the thing (a survey's response, a report, a draft survey);
    for erasing it is the mark that the last button has to carry, or None before that was asked.
    """

    __tablename__ = "dialogues"

    telegram_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[DialogueKind] = mapped_column(text_enum(DialogueKind))
    subject_id: Mapped[int | None]
    opened_at: Mapped[datetime]


class HandledUpdate(Base):
    """A Telegram update whose effect is stored; Telegram delivers at least once, we act once. Its number is ``Incoming.key``."""

    __tablename__ = "handled_updates"

    update_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    handled_at: Mapped[datetime] = mapped_column(index=True)


class WaitingUpdate(Base):
    """A Telegram update that was taken over but takes its time; a process that starts again goes on with it."""

    __tablename__ = "waiting_updates"

    update_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    received_at: Mapped[datetime]
