"""Reviving: a councillor's mailbox that works again is written to again; nobody speaks for a resident or for who complained."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from intouch.bounces import reviving
from intouch.bounces.models import TroubledAddress
from intouch.bounces.stopping import COMPLAINT
from intouch.council.models import Councillor, Officer
from intouch.errors import InTouchError, NotAllowed, NotFound
from intouch.outbox import addresses
from intouch.outbox.models import Road
from intouch.places.models import Ward
from intouch.runtime import Runtime

CAROL, OLIVE = "carol@council.example", "olive@council.example"


async def prepare(runtime: Runtime, address: str, reason: str = "bounced: 5.1.1") -> None:
    now = runtime.now()
    async with runtime.sessions.write() as session:
        ward = Ward(code="E05016391", name="Southwick", valid_from=now.date())
        session.add(ward)
        await session.flush()
        session.add(Councillor(name="Carol", email="Carol@council.example", ward_id=ward.id))
        session.add(Officer(name="Olive", email=OLIVE, created_at=now))
        session.add(TroubledAddress(address=address, score=4, last_on=now.date()))
        await addresses.mark_dead(session, Road.EMAIL, address, reason=reason, now=now)


async def is_dead(runtime: Runtime, address: str) -> bool:
    async with runtime.sessions.read() as session:
        return await addresses.is_dead(session, Road.EMAIL, address)


@pytest.mark.parametrize("address", [CAROL, OLIVE])
async def test_an_officials_address_is_written_to_again_and_starts_afresh(runtime: Runtime, address: str) -> None:
    await prepare(runtime, address)
    async with runtime.sessions.write() as session:
        assert await reviving.revive(session, f" {address.upper()} ") == address
    assert not await is_dead(runtime, address)
    async with runtime.sessions.write() as session:
        assert list(await session.scalars(sa.select(TroubledAddress))) == []
        with pytest.raises(NotFound, match="was not given up"):
            await reviving.revive(session, address)


@pytest.mark.parametrize(
    ("address", "reason", "error"), [(CAROL, COMPLAINT, "called our emails spam"), ("grace@x.example", "bounced", "no councillor's")]
)
async def test_nobody_speaks_for_a_resident_or_for_who_complained(runtime: Runtime, address: str, reason: str, error: str) -> None:
    await prepare(runtime, address, reason)
    async with runtime.sessions.write() as session:
        with pytest.raises(NotAllowed, match=error) as refused:
            await reviving.revive(session, address)
    assert isinstance(refused.value, InTouchError)
    assert await is_dead(runtime, address)
