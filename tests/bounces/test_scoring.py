"""When soft bounces are too many."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from intouch.bounces.scoring import is_too_much, score

DAY = date(2026, 11, 18)


def test_the_fifth_day_is_too_much_and_the_same_day_counts_once() -> None:
    points, last = 0, None
    for number in range(5):
        today = DAY + timedelta(days=7 * number)
        points, last = score(points, last, today), today
        assert score(points, last, today) == points
        assert is_too_much(points) == (number == 4)


def test_thirty_days_without_one_forget_all() -> None:
    assert score(4, DAY, DAY + timedelta(days=30)) == 5
    assert score(4, DAY, DAY + timedelta(days=31)) == 1


@given(st.lists(st.integers(-3, 60), max_size=60))
def test_no_score_is_more_than_the_days_since_the_last_quiet_month(gaps: list[int]) -> None:
    points, last, today, days = 0, None, DAY, 0
    for gap in gaps:
        today += timedelta(days=gap)  # also a clock that was set back
        is_fresh = last is None or (today - last).days > 30
        days = 1 if is_fresh else days + (today > last)  # type: ignore[operator]
        points = score(points, last, today)
        last = today if last is None else max(last, today)
        assert points == days
