"""Council: the tables of councillors, officers, response teams, link codes and notices."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from intouch.places.models import Area, Ward
from intouch.storage.columns import Base, Key


class Councillor(Base):
    """A ward councillor; ``telegram_id`` is set once they sent their code to the bot."""

    __tablename__ = "councillors"
    __table_args__ = (sa.UniqueConstraint("ward_id", "name"),)

    id: Mapped[Key]
    name: Mapped[str]
    ward_id: Mapped[int] = mapped_column(sa.ForeignKey(Ward.id), index=True)
    email: Mapped[str]
    telegram_id: Mapped[int | None] = mapped_column(unique=True)
    is_active: Mapped[bool] = mapped_column(default=True)


class Officer(Base):
    """An engagement officer; ``telegram_id`` is set once they sent their code to the bot."""

    __tablename__ = "officers"

    id: Mapped[Key]
    name: Mapped[str]
    email: Mapped[str] = mapped_column(sa.Text, unique=True)
    telegram_id: Mapped[int | None] = mapped_column(unique=True)
    created_at: Mapped[datetime]


class LinkCode(Base):
    """A one-time code that a councillor or officer sends to the bot; only its SHA-256 is kept."""

    __tablename__ = "link_codes"

    id: Mapped[Key]
    code_hash: Mapped[str] = mapped_column(sa.Text, unique=True)
    officer_id: Mapped[int | None] = mapped_column(sa.ForeignKey("officers.id"))
    councillor_id: Mapped[int | None] = mapped_column(sa.ForeignKey("councillors.id"))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ResponseTeam(Base):
    """Who deals with reports: one team per area, or one for the whole city when ``area_id`` is empty."""

    __tablename__ = "response_teams"

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(sa.Text, unique=True)
    area_id: Mapped[int | None] = mapped_column(sa.ForeignKey(Area.id))
    email: Mapped[str] = mapped_column(default="")


class Notice(Base):
    """Something happening: planning, licensing, roadworks, works or an event. No wards: the whole city."""

    __tablename__ = "notices"
    __table_args__ = (sa.UniqueConstraint("kind", "title", "starts_on"),)

    id: Mapped[Key]
    kind: Mapped[str]
    title: Mapped[str]
    text: Mapped[str]
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    url: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]


class NoticeWard(Base):
    """One ward that a notice is about."""

    __tablename__ = "notice_wards"

    notice_id: Mapped[int] = mapped_column(sa.ForeignKey("notices.id", ondelete="CASCADE"), primary_key=True)
    ward_id: Mapped[int] = mapped_column(sa.ForeignKey(Ward.id), primary_key=True, index=True)
