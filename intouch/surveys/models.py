"""Surveys: the tables of surveys, their places, questions, options, invitations, responses and answers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from intouch.council.models import Officer
from intouch.places.models import Area, Ward
from intouch.residents.models import Resident
from intouch.storage.columns import Base, Key, text_enum


class SurveyStatus(StrEnum):
    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"
    PUBLISHED = "published"
    CANCELLED = "cancelled"  # taken back before it opened


class QuestionType(StrEnum):
    SINGLE = "single"
    MULTIPLE = "multiple"
    SCALE = "scale"
    TEXT = "text"


class AnswerKind(StrEnum):
    OPTION = "option"
    SCALE = "scale"
    TEXT = "text"
    DONT_KNOW = "dont_know"
    SKIP = "skip"


class Survey(Base):
    """A pulse survey. ``ward_codes`` empty: the whole city; areas become wards when it is created.

    ``launched_at`` set while still a draft: it was launched for later and opens at ``opens_at``. ``is_audience_chosen``
    is false only while an officer is still writing it in the chat.
    """

    __tablename__ = "surveys"

    id: Mapped[Key]
    status: Mapped[SurveyStatus] = mapped_column(text_enum(SurveyStatus), default=SurveyStatus.DRAFT, index=True)
    title: Mapped[str] = mapped_column(default="")
    why: Mapped[str] = mapped_column(default="")
    ward_codes: Mapped[list[str]] = mapped_column(sa.JSON, default=list)
    is_for_sounding_board: Mapped[bool] = mapped_column(default=False)
    is_audience_chosen: Mapped[bool] = mapped_column(default=False)
    opens_at: Mapped[datetime | None]
    closes_at: Mapped[datetime | None]
    officer_id: Mapped[int | None] = mapped_column(sa.ForeignKey(Officer.id, ondelete="SET NULL"))
    file_hash: Mapped[str | None] = mapped_column(sa.Text, unique=True)
    created_at: Mapped[datetime]
    launched_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    published_at: Mapped[datetime | None]


class SurveyPlace(Base):
    """A ward as the survey is counted under it for ever: what it was called and the area it was in when the survey opened."""

    __tablename__ = "survey_places"

    survey_id: Mapped[int] = mapped_column(sa.ForeignKey("surveys.id", ondelete="CASCADE"), primary_key=True)
    ward_id: Mapped[int] = mapped_column(sa.ForeignKey(Ward.id), primary_key=True)
    ward_name: Mapped[str]
    area_id: Mapped[int | None] = mapped_column(sa.ForeignKey(Area.id))


class Question(Base):
    """One question of a survey; frozen at the first answer."""

    __tablename__ = "questions"
    __table_args__ = (sa.UniqueConstraint("survey_id", "position"),)

    id: Mapped[Key]
    survey_id: Mapped[int] = mapped_column(sa.ForeignKey("surveys.id", ondelete="CASCADE"))
    position: Mapped[int]
    text: Mapped[str]
    type: Mapped[QuestionType] = mapped_column(text_enum(QuestionType))


class Option(Base):
    """One answer to choose from."""

    __tablename__ = "options"
    __table_args__ = (sa.UniqueConstraint("question_id", "position"),)

    id: Mapped[Key]
    question_id: Mapped[int] = mapped_column(sa.ForeignKey("questions.id", ondelete="CASCADE"))
    position: Mapped[int]
    text: Mapped[str]


class Invitation(Base):
    """A resident was asked: ``ward_id`` is where they lived then. The number asked counts these."""

    __tablename__ = "invitations"
    __table_args__ = (sa.UniqueConstraint("survey_id", "resident_id"), sa.Index("ix_invitations_survey_ward", "survey_id", "ward_id"))

    id: Mapped[Key]
    survey_id: Mapped[int] = mapped_column(sa.ForeignKey("surveys.id", ondelete="CASCADE"))
    resident_id: Mapped[int | None] = mapped_column(sa.ForeignKey(Resident.id, ondelete="SET NULL"), index=True)
    ward_id: Mapped[int] = mapped_column(sa.ForeignKey(Ward.id))
    invited_at: Mapped[datetime]


class Response(Base):
    """One resident's answers to one survey; after erasure nobody's, but still counted."""

    __tablename__ = "responses"
    __table_args__ = (sa.UniqueConstraint("survey_id", "resident_id"), sa.Index("ix_responses_survey_ward", "survey_id", "ward_id"))

    id: Mapped[Key]
    survey_id: Mapped[int] = mapped_column(sa.ForeignKey("surveys.id", ondelete="CASCADE"))
    resident_id: Mapped[int | None] = mapped_column(sa.ForeignKey(Resident.id, ondelete="SET NULL"), index=True)
    ward_id: Mapped[int] = mapped_column(sa.ForeignKey(Ward.id))
    started_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    thanked_at: Mapped[datetime | None]


class Answer(Base):
    """One answer to one question: an option (several rows where several were chosen), a step of the scale, or words.

    ``choice`` makes the row unique within its response and question: the option's id, the step, or 0.
    """

    __tablename__ = "answers"
    __table_args__ = (
        sa.UniqueConstraint("response_id", "question_id", "choice"),
        sa.Index("ix_answers_counting", "question_id", "kind", "choice", "response_id"),
    )

    id: Mapped[Key]
    response_id: Mapped[int] = mapped_column(sa.ForeignKey("responses.id", ondelete="CASCADE"))
    question_id: Mapped[int] = mapped_column(sa.ForeignKey("questions.id", ondelete="CASCADE"))
    kind: Mapped[AnswerKind] = mapped_column(text_enum(AnswerKind))
    choice: Mapped[int] = mapped_column(default=0)
    words: Mapped[str | None]
    answered_at: Mapped[datetime]
