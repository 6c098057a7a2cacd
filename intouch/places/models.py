"""Places: the tables of areas, wards and postcodes."""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from intouch.storage.columns import Base, Key


class Area(Base):
    """A group of four to six wards."""

    __tablename__ = "areas"

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(sa.Text, unique=True)


class Ward(Base):
    """A ward, with its GSS code, its boundary and the dates between which it is in force.

    ``boundary`` is GeoJSON MultiPolygon coordinates (WGS 84 longitude, latitude); the box is its bounds.
    ``valid_to`` is the first day on which the ward is no more, empty while it is in force.
    """

    __tablename__ = "wards"

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(sa.Text, unique=True)
    name: Mapped[str]
    area_id: Mapped[int | None] = mapped_column(sa.ForeignKey("areas.id"))
    boundary: Mapped[list[Any] | None]
    west: Mapped[float | None]
    south: Mapped[float | None]
    east: Mapped[float | None]
    north: Mapped[float | None]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class Postcode(Base):
    """A postcode, without its space, and the ward its centre lies in."""

    __tablename__ = "postcodes"

    postcode: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    ward_id: Mapped[int] = mapped_column(sa.ForeignKey("wards.id"), index=True)
    longitude: Mapped[float | None]
    latitude: Mapped[float | None]
