"""Known wards: finding the ward that a row of a council's file names, or saying why it can't be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import sheets
from intouch.errors import BadInput
from intouch.places.models import Ward
from intouch.sheets import BadRow


@dataclass(frozen=True)
class KnownWards:
    """Every ward's id and last day by its code, read once for a whole file."""

    today: date
    wards: dict[str, tuple[int, date | None]]

    @classmethod
    async def load(cls, session: AsyncSession, *, today: date) -> KnownWards:
        """The wards there are; ``BadInput`` when there are none yet."""
        rows = await session.execute(sa.select(Ward.code, Ward.id, Ward.valid_to))
        wards = {code: (ward_id, valid_to) for code, ward_id, valid_to in rows}
        if not wards:
            raise BadInput("There are no wards yet. Please import the wards first: `intouch import wards FILE.geojson …`.")
        return cls(today, wards)

    def find(self, code: str) -> int:
        """The id of the ward with this code; ``BadRow`` when it is not known or not in force any more."""
        ward_id, valid_to = self.wards.get(code.upper(), (0, None))
        if not ward_id:
            raise BadRow(f"the ward {sheets.shorten(code)!r} is not known")
        if valid_to is not None and valid_to <= self.today:
            raise BadRow(f"the ward {code} was closed on {valid_to}; give the code of the ward that followed it")
        return ward_id
