"""Intervals: the same as scipy's, and never outside 0 to 1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from intouch.surveys.intervals import wilson


@given(st.integers(1, 100_000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilson_is_scipys_score_interval(case: tuple[int, int]) -> None:
    count, total = case
    expected = binomtest(count, total).proportion_ci(method="wilson")
    interval = wilson(count, total)
    assert interval.low == pytest.approx(expected.low, abs=1e-9)
    assert interval.high == pytest.approx(expected.high, abs=1e-9)
    assert 0 <= interval.low <= interval.share <= interval.high <= 1


@pytest.mark.parametrize(("count", "total"), [(0, 0), (-1, 5), (6, 5), (1, -1)])
def test_a_share_of_nothing_is_refused(count: int, total: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(count, total)
