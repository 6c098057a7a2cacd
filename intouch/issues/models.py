"""Issues: the tables of issue reports, their photos and their updates."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from intouch.council.models import ResponseTeam
from intouch.places.models import Ward
from intouch.residents.models import Resident
from intouch.storage.columns import Base, Key, text_enum


class IssueStatus(StrEnum):
    DRAFT = "draft"  # still being written in the chat
    REPORTED = "reported"
    IN_PROGRESS = "in_progress"
    FIXED = "fixed"
    CLOSED = "closed"  # will not be fixed; the note says why
    CANCELLED = "cancelled"  # a draft that the resident gave up


class IssueReport(Base):
    """Something a resident saw. Has a public ``reference`` (``SR-7K3M2``) once it was sent in.

    ``place`` are the resident's words for where it is, empty when they sent a location.
    ``fixed_at`` is the ``updated_at`` of the update that said "fixed", empty again when the report is reopened.
    """

    __tablename__ = "issue_reports"
    __table_args__ = (
        sa.Index("ix_issue_reports_ward_status", "ward_id", "status"),
        sa.Index("ix_issue_reports_ward_fixed", "ward_id", "fixed_at"),
        # One report at a time is being written by a resident, however often they say /report.
        sa.Index(
            "uq_issue_reports_draft",
            "resident_id",
            unique=True,
            sqlite_where=sa.text("status = 'draft'"),
            postgresql_where=sa.text("status = 'draft'"),
        ),
        # Buttons name reports by number: SQLite must not give a deleted draft's number to another report.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Key]
    reference: Mapped[str | None] = mapped_column(sa.Text, unique=True)
    status: Mapped[IssueStatus] = mapped_column(text_enum(IssueStatus), default=IssueStatus.DRAFT)
    resident_id: Mapped[int | None] = mapped_column(sa.ForeignKey(Resident.id, ondelete="SET NULL"), index=True)
    category: Mapped[str] = mapped_column(default="")
    has_photo_step_done: Mapped[bool] = mapped_column(default=False)
    description: Mapped[str] = mapped_column(default="")
    place: Mapped[str] = mapped_column(default="")
    longitude: Mapped[float | None]
    latitude: Mapped[float | None]
    ward_id: Mapped[int | None] = mapped_column(sa.ForeignKey(Ward.id))
    team_id: Mapped[int | None] = mapped_column(sa.ForeignKey(ResponseTeam.id))
    created_at: Mapped[datetime]
    reported_at: Mapped[datetime | None] = mapped_column(index=True)
    changed_at: Mapped[datetime]
    fixed_at: Mapped[datetime | None]


class IssuePhoto(Base):
    """A photo of a report, re-encoded without what the camera wrote into it (place, time, owner)."""

    __tablename__ = "issue_photos"
    __table_args__ = (sa.UniqueConstraint("report_id", "digest"),)

    id: Mapped[Key]
    report_id: Mapped[int] = mapped_column(sa.ForeignKey("issue_reports.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str]
    jpeg: Mapped[bytes] = mapped_column(sa.LargeBinary)
    width: Mapped[int]
    height: Mapped[int]
    added_at: Mapped[datetime]


class IssueUpdate(Base):
    """A change of a report's status, with the note that the reporter reads."""

    __tablename__ = "issue_updates"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - delivery keys name updates by number, for ever

    id: Mapped[Key]
    report_id: Mapped[int] = mapped_column(sa.ForeignKey("issue_reports.id", ondelete="CASCADE"), index=True)
    status: Mapped[IssueStatus] = mapped_column(text_enum(IssueStatus))
    note: Mapped[str] = mapped_column(default="")
    updated_at: Mapped[datetime]
