"""Bounces: the tables of reports that were heeded, and of addresses with trouble that may pass."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from intouch.outbox.models import Delivery
from intouch.storage.columns import Base, text_enum


class Kind(StrEnum):
    HARD = "hard"  # nobody is there
    SOFT = "soft"  # this one did not arrive; the next may
    COMPLAINT = "complaint"  # the reader called it spam
    UNSUBSCRIBED = "unsubscribed"  # the reader told the provider, instead of us, to get no more


class BounceReport(Base):
    """A report that was heeded. ``fingerprint`` is the promise: the same report, however often it comes, counts once."""

    __tablename__ = "bounce_reports"

    fingerprint: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(sa.ForeignKey(Delivery.id, ondelete="CASCADE"), index=True)
    kind: Mapped[Kind] = mapped_column(text_enum(Kind))
    status: Mapped[str]
    heard_at: Mapped[datetime]


class TroubledAddress(Base):
    """An address with soft bounces. It belongs to the address and not to a resident: whoever has it next inherits them."""

    __tablename__ = "troubled_addresses"

    address: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    score: Mapped[int]
    last_on: Mapped[date] = mapped_column(sa.Date, index=True)
