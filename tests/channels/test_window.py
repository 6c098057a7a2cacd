"""However unevenly calls are made and answered, no second ever holds more of them than the limit."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from intouch.channels.window import LONGEST_GIVE, Call, Window

# Until somebody asks for a place, on the way there, and on the way back, in seconds.
calls = st.lists(
    st.tuples(st.floats(0, 0.3), st.floats(0.01, 0.3), st.floats(0.01, 0.3)),
    min_size=5,
    max_size=60,
)


@settings(max_examples=200)
@given(calls=calls, per_second=st.integers(1, 12))
def test_no_second_at_the_other_side_holds_more_than_the_limit(calls: list[tuple[float, float, float]], per_second: int) -> None:
    window = Window(per_second)
    now = 0.0
    arrived: list[float] = []
    waiting: list[tuple[float, Call]] = []
    # The first call is the fastest that there will be: what is known of the way is known from then on.
    for pause, there, back in [(0.0, 0.01, 0.01), *calls]:
        now += pause
        call = window.book(now)
        while True:
            now = max(now, call.at)
            for answered_at, other in [one for one in waiting if one[0] <= now]:
                window.answered(other, answered_at)
            waiting = [one for one in waiting if one[0] > now]
            if call.at <= now:
                break
        window.begin(call, now)
        arrived.append(now + there)
        waiting.append((now + there + back, call))
    arrived.sort()
    for first, last in zip(arrived, arrived[per_second:], strict=False):
        assert last - first >= 1, (first, last)


def test_a_pace_that_is_even_never_waits() -> None:
    window = Window(30)
    for number in range(300):
        now = number / 29.5
        call = window.book(now)
        assert call.at == now
        window.begin(call, now)
        window.answered(call, now + 0.03)


def test_after_a_stall_calls_are_made_no_faster_than_the_limit() -> None:
    window = Window(30)
    places = [window.book(10.0).at for _ in range(90)]
    assert places[:30] == [10.0] * 30
    assert 11 <= places[30] < 11.1 and 12 <= places[60] < 12.1


def test_a_late_answer_keeps_its_place_for_longer() -> None:
    window = Window(1)
    first = window.book(0.0)
    window.answered(first, 0.1)
    second = window.book(2.0)
    window.answered(second, 2.4)
    assert 3.3 <= window.book(2.5).at < 3.4


def test_a_reply_waits_a_moment_for_bulk_and_never_for_other_replies() -> None:
    window = Window(10)
    for _ in range(10):
        window.book(0.0)
    assert window.book(0.5, is_reply=True).at == 0.5 + LONGEST_GIVE
    talk = Window(10)
    for _ in range(50):
        assert talk.book(0.5, is_reply=True).at == 0.5


def test_a_share_is_a_limit_of_its_own_however_small() -> None:
    window = Window(30)
    window.limit(0.5)
    assert window.book(0.0).at == 0.0
    assert 2 <= window.book(0.1).at < 2.1
