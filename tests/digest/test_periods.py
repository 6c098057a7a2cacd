"""Periods: ISO weeks and due moments, against APScheduler's own calendar and across every clock change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger
from hypothesis import given
from hypothesis import strategies as st

from intouch.digest import periods
from intouch.errors import BadInput
from intouch.settings import WEEKDAYS

LONDON = ZoneInfo("Europe/London")
FRIDAY = periods.weekly("fri 16:00", LONDON)

days = st.dates(date(2020, 1, 1), date(2045, 12, 31))
moments = st.integers(0, 25 * 366 * 86400).map(lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
zones = st.sampled_from(["Europe/London", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata", "UTC"]).map(ZoneInfo)
weeklies = st.builds(periods.Weekly, st.integers(0, 6), st.builds(time, st.integers(0, 23), st.integers(0, 59)), zones)


def test_the_setting_is_read_as_a_time_of_the_week() -> None:
    assert periods.Weekly(4, time(16), LONDON) == FRIDAY


def test_friday_at_four_is_four_by_the_wall_clock_in_summer_and_winter() -> None:
    assert periods.due_at("2026-W47", FRIDAY) == datetime(2026, 11, 20, 16, tzinfo=UTC)
    assert periods.due_at("2026-W28", FRIDAY) == datetime(2026, 7, 10, 15, tzinfo=UTC)


def test_a_time_that_the_clocks_skip_comes_when_they_jump_and_one_that_comes_twice_comes_once() -> None:
    sunday = periods.weekly("sun 01:30", LONDON)
    assert periods.due_at("2026-W13", sunday) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # shown as 02:30
    assert periods.due_at("2026-W43", sunday) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # the first 01:30


def test_the_week_of_new_year_belongs_to_the_year_of_its_thursday() -> None:
    assert periods.period_of(date(2027, 1, 1)) == "2026-W53"
    assert periods.next_period("2026-W53") == "2027-W01"
    assert periods.previous_period("2027-W01") == "2026-W53"


@pytest.mark.parametrize(
    "wrong", ["", "2026", "2026-W00", "2026-W54", "2025-W53", "W47-2026", "2026-w47", "0000-W01", "２０２６-W47", "2026-W47\n1"]
)
def test_what_is_no_week_is_refused_with_an_example(wrong: str) -> None:
    with pytest.raises(BadInput, match="2026-W47"):
        periods.monday_of(wrong)


@given(days)
def test_a_period_begins_on_the_monday_on_or_before_each_of_its_days(day: date) -> None:
    monday = periods.monday_of(periods.period_of(day))
    assert monday.weekday() == 0
    assert timedelta(0) <= day - monday < timedelta(days=7)


@given(moments, weeklies)
def test_the_last_due_period_is_due_by_now_and_the_next_is_not(now: datetime, when: periods.Weekly) -> None:
    last = periods.last_due(when, now)
    assert periods.due_at(last, when) <= now < periods.due_at(periods.next_period(last), when)


@given(moments, st.timedeltas(timedelta(0), timedelta(days=60)), weeklies)
def test_periods_between_two_moments_are_each_due_between_them_and_none_is_left_out(
    after: datetime, length: timedelta, when: periods.Weekly
) -> None:
    until = after + length
    found = list(periods.due_between(when, after=after, until=until))
    assert all(after < periods.due_at(period, when) <= until for period in found)
    around = [periods.period_of((after + timedelta(weeks=n - 3)).date()) for n in range(15)]
    assert found == [period for period in around if after < periods.due_at(period, when) <= until]


MOMENT = timedelta(microseconds=1)  # ours is later than now, cron's may be now


@given(moments, st.integers(0, 6), st.integers(0, 23), st.integers(0, 59))
def test_the_next_due_moment_is_the_one_that_cron_fires_at(now: datetime, weekday: int, hour: int, minute: int) -> None:
    when = periods.Weekly(weekday, time(hour, minute), LONDON)
    due = periods.due_at(periods.next_period(periods.last_due(when, now)), when)
    fires = CronTrigger(day_of_week=WEEKDAYS[weekday], hour=hour, minute=minute, timezone=LONDON).get_next_fire_time(None, now + MOMENT)
    local = due.astimezone(LONDON)
    # Where the clocks change on the way, cron may skip a week or an hour; there the wall clock is what must be right.
    clocks_change = now.astimezone(LONDON).utcoffset() != local.utcoffset() or (weekday == 6 and hour == 1)
    assert due == fires or (clocks_change and due - now < timedelta(days=7, hours=2))
    assert (local.weekday(), local.hour, local.minute) == (weekday, hour, minute) or (weekday == 6 and hour == 1 and local.hour == 2)
