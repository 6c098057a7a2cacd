"""A list of values as one condition: the same rows on either database, found by their index."""

from __future__ import annotations

import sqlalchemy as sa

from intouch.outbox.models import Delivery
from intouch.outbox.parcel import TABLE
from intouch.runtime import Runtime
from intouch.storage.among import among
from tests.outbox.outboxes import draft, queue

_BY_NUMBER = sa.select(TABLE.c.address).where(among(TABLE.c.id, "ids"), TABLE.c.batch == sa.bindparam("batch"))
_IN_STATE = sa.select(TABLE.c.address).where(among(TABLE.c.id, "ids"), TABLE.c.state == sa.bindparam("state"))
_BY_ADDRESS = sa.select(TABLE.c.id).where(sa.not_(among(TABLE.c.address, "addresses")))


async def test_the_rows_of_the_list_are_found_and_no_others(runtime: Runtime) -> None:
    now = runtime.now()
    await queue(runtime, *(draft(number, now, batch="test:1" if number < 9 else None) for number in range(12)))
    async with runtime.sessions.read() as session:
        ids = {row.address: row.id for row in await session.execute(sa.select(Delivery.address, Delivery.id))}
        for wanted in ([], ["3"], ["1", "5", "5", "11"], list(ids)):
            asked = {"ids": [ids[address] for address in wanted], "batch": "test:1"}
            assert set(await session.scalars(_BY_NUMBER, asked)) == {address for address in wanted if int(address) < 9}
            others = set(await session.scalars(_BY_ADDRESS, {"addresses": wanted}))
            assert others == set(ids.values()) - {ids[address] for address in wanted}
        assert list(await session.scalars(_BY_NUMBER, {"ids": [2**62], "batch": "test:1"})) == []
        odd = {"addresses": ["'", '"', "{", "}", "\\", ",", "NULL", "é"]}
        assert len(list(await session.scalars(_BY_ADDRESS, odd))) == 12


async def test_an_index_answers_it(runtime: Runtime) -> None:
    is_sqlite = runtime.sessions.is_sqlite
    async with runtime.sessions.read() as session:
        if not is_sqlite:  # of a table without rows all of them are read sooner
            await session.execute(sa.text("SET enable_seqscan = off"))
        asked = _IN_STATE.compile(session.get_bind(), compile_kwargs={"render_postcompile": True})
        explain = (
            f"EXPLAIN QUERY PLAN {asked}" if is_sqlite else "EXPLAIN " + str(asked).replace("$1", "'{1,2}'").replace("$2", "'sending'")
        )
        connection = await session.connection()
        rows = await connection.exec_driver_sql(explain, ("[1, 2]", "sending") if is_sqlite else ())
        plan = "\n".join(str(row) for row in rows)
    assert ("INTEGER PRIMARY KEY (rowid=?)" if is_sqlite else "(id = ANY (") in plan, plan
