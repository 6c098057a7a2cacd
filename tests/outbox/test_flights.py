"""Flights: what was claimed is ours for as long as its lease, counted on a clock that goes on while the machine sleeps."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from intouch.clock import elapsed
from intouch.outbox.flights import Flights, Hold, Line
from intouch.outbox.models import Lane, Road
from intouch.outbox.parcel import Parcel

AT = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)


def parcel(number: int, batch: str | None = None) -> Parcel:
    return Parcel(Road.EMAIL, Lane.BULK, {}, number, f"k:{number}", "kind", "g@x.example", None, batch, 1, 0, None, None, AT)


def flights(now: list[float]) -> Flights:
    return Flights(45.0, elapsed=lambda: now[0])


def test_a_lease_ends_before_somebody_else_may_take_over() -> None:
    now = [1000.0]
    one, line = flights(now), Line(Road.EMAIL, (Lane.BULK,), 10, 20, Hold())
    one.begin(line, [parcel(1), parcel(2)], claimed_at=now[0])
    now[0] += 30
    assert one.is_ours(1)
    one.renewed([1, 2], {1}, renewed_at=now[0])
    assert one.is_ours(1) and not one.is_ours(2)
    now[0] += 44
    assert not one.is_ours(1)


def test_a_line_is_told_of_room_once_enough_is_settled() -> None:
    now = [1000.0]
    one, line = flights(now), Line(Road.EMAIL, (Lane.BULK,), 2, 4, Hold())
    one.begin(line, [parcel(number) for number in range(4)], claimed_at=now[0])
    one.end([0])
    assert (line.under_way, line.bell.is_set()) == (3, False)
    one.end(number for number in (1, 1, 9))  # twice, and one that is nobody's
    assert (line.under_way, line.bell.is_set(), len(one)) == (2, True, 2)


def test_what_is_paused_or_recalled_is_not_begun() -> None:
    now = [1000.0]
    one, line = flights(now), Line(Road.EMAIL, (Lane.BULK,), 2, 4, Hold())
    one.begin(line, [parcel(1, "edition:1"), parcel(2, "edition:2"), parcel(3)], claimed_at=now[0])
    one.hold(frozenset({"edition:1"}))
    one.recall([3, 9])
    assert [number for number in (1, 2, 3) if one.is_ours(number)] == [2]


def test_the_clock_of_leases_is_never_behind_the_one_that_stops_with_the_machine() -> None:
    before = time.monotonic()
    assert elapsed() >= before - 0.1
    assert elapsed() <= elapsed()
